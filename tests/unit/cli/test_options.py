"""``NAME=VALUE`` on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.cli.options import key_values, numbers, pairs, scalar
from langchain_metaaligner.errors import SettingError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1", -1), ("1e3", 1000.0), ("0", 0), ("0.5", 0.5), (".5", 0.5), ("+2", 2),
        ("-1.5e-2", -0.015),
        ("true", True), ("False", False), ("null", None), ("~", None), ("gpt-4o", "gpt-4o"),
        ("007", "007"), ("1.2.3", "1.2.3"), ("1_000", "1_000"), ("nan", "nan"), ("no", "no"),
        ("http://x:1/v1", "http://x:1/v1"), ("[1, 2]", [1, 2]), ('{"a": -1}', {"a": -1}),
        ('"12"', "12"), ("[not json", "[not json"), ("2024-01-01", "2024-01-01"), ("0x10", "0x10"),
    ],
)  # fmt: skip
def test_values_are_read_as_in_a_recipe(text, value):
    read = scalar(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "name", ["api_key", "openai_api_key", "API_KEY", "access_token", "organization", "user", "id"]
)
def test_keys_and_names_of_digits_stay_text(name):
    assert key_values("--judge-option", [f"{name}=123456"]) == {name: "123456"}


def test_counts_of_tokens_are_numbers():
    given = ["max_tokens=16", "temperature=0", "logit_bias={}"]
    assert key_values("--judge-option", given) == {
        "max_tokens": 16, "temperature": 0, "logit_bias": {},
    }  # fmt: skip


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_read_as_it_is_written(number):
    assert scalar(repr(number)) == number


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a="], ["a=1", "a=2"]])
def test_other_forms_are_refused(given):
    with pytest.raises(SettingError, match=r"--reward a|--reward =…"):
        pairs("--reward", given)


def test_a_secret_is_not_repeated_in_the_error():
    with pytest.raises(SettingError) as caught:
        key_values("--judge-option", ["api_key=sk-1", "api_key=sk-2"])
    assert "sk-" not in str(caught.value)


def test_values_may_hold_equals_signs():
    assert pairs("--reward", ["a=b=c"]) == {"a": "b=c"}


@pytest.mark.parametrize("text", ["x", "true", "null", ""])
def test_weights_are_numbers(text):
    assert numbers("--weight", ["a=-0.5", "b=2"]) == {"a": -0.5, "b": 2.0}
    with pytest.raises(SettingError, match="--weight a="):
        numbers("--weight", [f"a={text}"])
