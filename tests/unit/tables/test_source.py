"""One reader for all files: what people's programs write comes in as it stands."""

import gzip
import json

import pandas
import pyarrow
import pyarrow.parquet
import pytest

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import format_of, open_source

ROWS = [{"question": "Why?", "answer": "So."}, {"question": "Où?", "answer": "Là, «ici»"}]


def rows(path, problems=None, **options):
    return list(open_source(path, **options).rows(problems or Problems("raise")))


def write(path, frame):
    kind = format_of(path)
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind in ("json", "jsonl"):
        frame.to_json(path, orient="records", lines=kind == "jsonl", force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    return path


NAMES = ["a.csv", "A.CSV", "a.tsv", "a.json", "a.jsonl", "a.NDJSON", "a.parquet"]


@pytest.mark.parametrize("name", [*NAMES, "a.csv.gz", "a.jsonl.gz"])
def test_what_pandas_writes_comes_in(tmp_path, name):
    path = write(tmp_path / name, pandas.DataFrame(ROWS))
    source = open_source(path)
    assert source.columns == ("question", "answer")
    assert source.count == 2
    assert list(source.rows(Problems("raise"))) == ROWS


@pytest.mark.parametrize(
    "text", [r"C:\Temp\new", r"\d+\s*$", r"a \\ b", "\\", 'he said "no"', "a\nb"]
)
def test_a_backslash_is_a_backslash(tmp_path, text):
    frame = pandas.DataFrame({"question": ["a", r"C:\x"], "answer": [text, "b"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert rows(tmp_path / "a.csv")[0]["answer"] == text
    frame.to_csv(tmp_path / "b.csv", index=False, escapechar="\\")
    assert rows(tmp_path / "b.csv", escaped=True)[0]["answer"] == text


def test_semicolons_as_spreadsheets_write_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('question;answer\nWhy?;"So; it is, yes"\n')
    assert rows(path) == [{"question": "Why?", "answer": "So; it is, yes"}]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8", "latin-1"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_an_encoding_that_is_named(tmp_path, encoding, kind):
    path = tmp_path / f"a.{kind}"
    text = {
        "csv": "question,answer\nOù?,Là\n",
        "jsonl": '{"question": "Où?", "answer": "Là"}\n',
        "json": '[{"question": "Où?", "answer": "Là"}]',
    }[kind]
    path.write_bytes(text.encode(encoding))
    assert rows(path, encoding=encoding) == [{"question": "Où?", "answer": "Là"}]


def test_bytes_of_another_encoding_are_rows_all_the_same(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("question,answer\nOù?,Là\nWhy?,So.\n".encode("latin-1"))
    assert len(rows(path)) == 2


def test_an_encoding_that_is_not_known_or_not_right(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("question,answer\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"UTF-16 by the mark.*--encoding utf-16"):
        open_source(path)
    with pytest.raises(SettingError, match="The encoding 'klingon' is unknown"):
        open_source(path, encoding="klingon")


def test_a_quotation_mark_that_is_never_closed_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,answer\n" + "q,a\n" * 100 + 'q,"open\n' + "q,a\n" * 100)
    with pytest.raises(DataError, match=r"row from line 102 to 202.*never closed"):
        open_source(path)
    path.write_text('question,answer\nq,"open\nq2,"closed"\nq3,a\n')
    with pytest.raises(DataError, match=r"row from line 2 to 3.*cannot be told where rows end"):
        open_source(path)


def test_last_cells_that_were_left_out_are_empty_and_too_many_a_problem(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,answer,note\nWhy?,So.\nHow?,Thus.,x,,\nWho?,Me.,y,z\n")
    problems = Problems()
    assert [row["note"] for row in rows(path, problems)] == ["", "x"]
    assert [(problem.line, problem.detail) for problem in problems.all] == [(4, "4 cells, not 3")]


def test_two_columns_of_one_name_keep_their_values(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("note,answer,note\n1,a,2\n")
    source = open_source(path)
    assert source.headings == ("note", "answer", "note")
    assert list(source.rows(Problems())) == [{"note": "1", "answer": "a", "note (2)": "2"}]
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["n", "n"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet") == [{"n": 1, "n (2)": 2}]


def test_a_key_that_begins_later_is_a_column(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "Why?"}\n{"question": "How?", "answer": "Thus.", "user": 7}\n')
    source = open_source(path)
    assert source.columns == ("question", "answer", "user")
    assert [row["user"] for row in source.rows(Problems())] == [None, 7]


def test_half_an_emoji_is_no_reason_to_leave_a_row_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"answer": "So \\ud83d"}\n{"answer": "Thus."}\n')
    assert [row["answer"] for row in rows(path)] == ["So \ud83d", "Thus."]


def test_line_ends_of_all_kinds_nulls_and_long_cells(tmp_path):
    path = tmp_path / "a.csv"
    for content, wanted in (
        (b"\xef\xbb\xbfquestion,answer\r\nq,a\r\n", ["a"]),
        (b"question,answer\rq,a\rr,b\r", ["a", "b"]),
        (b"question,answer\r\r\nq,a\r\r\n", ["a"]),
        (b"question,answer\nq," + b"a " * 1_500_000 + b"\n", ["a " * 1_500_000]),
    ):
        path.write_bytes(content)
        assert [row["answer"] for row in rows(path)] == wanted


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.xlsx").write_text("")
    (tmp_path / "b.parquet").write_text("no parquet")
    (tmp_path / "c.json").write_text('{"a": 1}')
    for name, message in (
        ("a.xlsx", r"Give a \.csv, \.tsv, \.json, \.jsonl or \.parquet file"),
        ("b.parquet", "is no Parquet file"),
        ("c.json", "is no JSON array"),
        ("absent.csv", "There is no file"),
    ):
        with pytest.raises(DataError, match=message):
            open_source(tmp_path / name)


def test_a_gzipped_file_that_breaks_off(tmp_path):
    lines = "".join(json.dumps({"answer": f"a{n}"}) + "\n" for n in range(5000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode())[:-2000])
    problems = Problems()
    assert 0 < len(rows(tmp_path / "a.jsonl.gz", problems)) < 5000
    assert problems.counts["broken line"] == 1
