"""Folders of results: written at once, read back, and named so that every system takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.results import file_name, read_result, write_result


def test_figures_keep_their_order(tmp_path):
    figures = {"metrics": {"rougeL": 0.2, "bleu": 9.0}}
    result = write_result(tmp_path, "imhi", {}, figures, [])
    assert list(result.figures["metrics"]) == ["rougeL", "bleu"]


def test_a_row_that_fails_leaves_the_earlier_result(tmp_path):
    write_result(tmp_path, "judge", {}, {"rows": 1}, [{"n": 1}])

    def rows():
        yield {"n": 2}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_result(tmp_path, "judge", {}, {"rows": 2}, rows())
    result = read_result(tmp_path)
    assert (result.figures, list(result.rows())) == ({"rows": 1}, [{"n": 1}])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "about.json",
        "result.json",
        "rows.jsonl",
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "judge"}', "3"])
def test_a_torn_or_strange_file_is_one_sentence(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DataError, match="is not what `metaaligner evaluate` writes"):
        read_result(tmp_path)


@pytest.mark.parametrize("text", ["harmless", "instruction_following", "Llama-2 7B", "v1.2"])
def test_plain_names_stay(text):
    assert file_name(text) == text


@given(st.text(min_size=1))
def test_any_name_becomes_one_part_of_a_path(text):
    name = file_name(text)
    assert name
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert not name.endswith((".", " "))
    assert len(name) <= 90


@pytest.mark.parametrize(("one", "other"), [("a/b", "a:b"), ("../x", "x"), ("con", "con-")])
def test_names_that_differ_keep_apart(one, other):
    assert file_name(one).casefold() != file_name(other).casefold()


@pytest.mark.parametrize("name", ["CON", "nul", "com1.txt"])
def test_names_that_windows_reserves_are_changed(name):
    assert file_name(name) != name
    assert file_name(name).partition(".")[0].upper() not in ("CON", "NUL", "COM1")
