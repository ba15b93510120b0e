"""Values of any kind as files hold them."""

import dataclasses
import datetime
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.tables.cells import as_text, json_line, jsonable, plain_text

MOMENT = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone.utc)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.dates()
    | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(ANYTHING)
def test_every_value_is_one_line_of_strict_json(value):
    line = json_line({"value": value})
    assert "\n" not in line
    assert line.isascii()
    json.loads(line, parse_constant=pytest.fail)


@given(ANYTHING)
def test_every_value_is_a_cell_that_utf8_can_hold(value):
    text = as_text(value)
    assert (text is None) == (value is None)
    if text is not None:
        text.encode()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (3, "3"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (MOMENT, "2024-05-01T12:00:00Z"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("é", "é"),
    ],
)
def test_cells(value, cell):
    assert as_text(value) == cell


def test_dataclasses_are_objects():
    @dataclasses.dataclass
    class Point:
        x: int

    assert jsonable({"at": Point(1)}) == {"at": {"x": 1}}


def test_lone_surrogates_are_replaced_wherever_they_stand():
    fixed = plain_text({"a": ["\ud83d", {"b": "x"}]})
    json.dumps(fixed, ensure_ascii=False).encode()
    assert fixed["a"][1] == {"b": "x"}
