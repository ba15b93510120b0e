"""CSV files in the research's dialect, and what can be wrong with them."""

import csv
import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import csv_rows, is_escaped, write_csv
from langchain_metaaligner.tables.problems import Problems

COLUMNS = ("query", "answer")
HEADER = b"query,answer\n"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def read(path, problems=None):
    return list(csv_rows(path, COLUMNS, problems or Problems("raise")))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    assert write_csv(path, COLUMNS, rows) == len(rows)
    found = [(row["query"], row["answer"]) for _, row in read(path)]
    assert found == rows


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_it_is_what_pandas_writes(tmp_path_factory, rows):
    rows = [tuple(text.replace("\r", "") for text in row) for row in rows]
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    write_csv(path, COLUMNS, rows)
    table = pd.DataFrame(rows, columns=COLUMNS)
    assert path.read_bytes().decode() == table.to_csv(index=False, escapechar="\\")


def test_a_table_of_another_tool_keeps_its_backslashes(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame([("C:\\new", "a\\\\b")], columns=COLUMNS).to_csv(path, index=False)
    assert not is_escaped(path)
    assert read(path) == [(2, {"query": "C:\\new", "answer": "a\\\\b"})]


def test_line_numbers_are_those_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b'"one\ntwo",a\n\nq,b\n')
    assert [line for line, _ in read(path)] == [2, 5]


def test_broken_rows_are_left_out_and_the_others_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"q,a\nq\nq,a,b\nq,\xff\n\xef\xbb\xbfq,a\n")
    problems = Problems()
    assert [line for line, _ in read(path, problems)] == [2, 6]
    assert [(one.line, one.detail) for one in problems.all] == [
        (3, "1 cells, not 2"),
        (4, "3 cells, not 2"),
        (5, "bytes that are no UTF-8"),
    ]
    with pytest.raises(DataError, match=r"a.csv, line 3: broken line \(1 cells, not 2\)"):
        read(path)


def test_a_quotation_mark_that_is_never_closed(tmp_path, monkeypatch):
    monkeypatch.setattr("langchain_metaaligner.tables.csv._LONGEST_CELL", 200_000)
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b'q,"a\n' + b"query,answer\n" * 40_000)
    limit = csv.field_size_limit(131_072)
    try:
        problems = Problems()
        rows = read(path, problems)
    finally:
        csv.field_size_limit(limit)
    assert problems.all[0].line == 2
    assert "field larger than field limit (200000), up to line" in problems.all[0].detail
    assert len(rows) > 20_000


def test_other_columns_an_other_order_a_mark_and_gzip(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfanswer,more,query\na,m,q\n"))
    assert read(path) == [(2, {"query": "q", "answer": "a", "more": "m"})]


def test_a_column_that_is_absent(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("query,answers\nq,a\n")
    with pytest.raises(DataError, match=r"lacks the columns answer\. Did you mean 'answers'\?"):
        read(path)
    path.write_text("")
    with pytest.raises(DataError, match=r"It has: nothing\. Needed are: query, answer"):
        read(path)
