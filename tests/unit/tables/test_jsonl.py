"""JSON lines and arrays, piece by piece, and the place of what is broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.jsonl import json_array, json_lines, json_records
from langchain_metaaligner.tables.problems import Problems

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 2]))
def test_an_array_comes_in_as_it_went_out(tmp_path_factory, items, indent):
    path = tmp_path_factory.mktemp("array") / "a.json"
    path.write_text(json.dumps(items, indent=indent, ensure_ascii=True))
    assert list(json_array(path)) == items


def test_an_array_larger_than_a_piece(tmp_path):
    items = [{"n": number, "text": "x" * 1000} for number in range(3000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(items))
    assert path.stat().st_size > 2_000_000
    assert list(json_array(path)) == items


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', "is no JSON array"),
        ("", "is no JSON array"),
        ('[{"a": 1}, {"a": 2}', "breaks off after item 2"),
        ('[{"a": 1}, {"a": ', "breaks off after item 1"),
    ],
)
def test_what_is_no_array_says_where_it_ends(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        list(json_array(path))


def test_broken_lines_are_counted_with_their_numbers(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"a": 1}\n\nnot json\n[1]\n{"a": 2}\n', encoding="utf-8")
    problems = Problems()
    assert list(json_records(path, problems)) == [(1, {"a": 1}), (5, {"a": 2})]
    assert problems.counts["broken line"] == 2


def test_half_an_emoji_is_a_record_for_people_and_a_problem_for_training(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "\\ud83d"}\n{"a": "whole"}\n')
    problems = Problems()
    assert [number for number, _ in json_records(path, problems)] == [1, 2]
    assert not problems.counts
    assert [number for number, _ in json_lines(path, problems)] == [2]
    assert problems.counts["broken line"] == 1


def test_another_encoding_is_read_when_named_and_asked_for_when_wrong(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a": "é"}\n'.encode("latin-1"))
    assert list(json_records(path, Problems(), "latin-1")) == [(1, {"a": "é"})]
    with pytest.raises(DataError, match="Give its encoding with --encoding"):
        list(json_records(path, Problems(), "ascii"))
