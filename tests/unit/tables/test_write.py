"""Values of every kind come through to every format, from Parquet to Parquet with their types."""

import csv
import datetime as dt
import decimal
import json

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import open_source
from langchain_metaaligner.tables.write import check_output, write_rows

COLUMNS = {
    "timestamp": pa.array([dt.datetime(2024, 5, 1, 12, 30, 0, 7), None]),
    "zoned": pa.array([dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc), None]),
    "nanoseconds": pa.array([1_714_566_600_000_000_007, None], pa.timestamp("ns")),
    "date": pa.array([dt.date(2024, 5, 1), None]),
    "time": pa.array([dt.time(12, 30), None]),
    "decimal": pa.array([decimal.Decimal("1.10"), None]),
    "duration": pa.array([dt.timedelta(seconds=3), None]),
    "bytes": pa.array([b"a\xff", None]),
    "uint64": pa.array([2**63 + 1, None], pa.uint64()),
    "int8": pa.array([1, None], pa.int8()),
    "float32": pa.array([0.5, float("nan")], pa.float32()),
    "bool": pa.array([True, None]),
    "list": pa.array([["a"], ["b", "c"]]),
    "struct": pa.array([{"x": 1, "y": [dt.date(2024, 5, 1)]}, None]),
    "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "category": pa.array(["u", "v"]).dictionary_encode(),
    "large": pa.array(["u", None], pa.large_string()),
    "null": pa.nulls(2),
}


def through(source_path, target, added=()):
    source = open_source(source_path)
    rows = ({**row, **dict.fromkeys(added, "new")} for row in source.rows(Problems("raise")))
    assert write_rows(target, source, added, rows) == source.count
    return target


@pytest.fixture(params=COLUMNS)
def column(request):
    return COLUMNS[request.param]


@pytest.fixture
def source(tmp_path, column):
    table = pa.table({"question": ["Why?", "How?"], "extra": column, "answer": ["So.", "Thus."]})
    path = tmp_path / "in.parquet"
    pq.write_table(table.replace_schema_metadata({"made by": "a test"}), path)
    return path


def test_parquet_to_parquet_keeps_types_values_order_and_metadata(tmp_path, source, column):
    made = pq.read_table(through(source, tmp_path / "out.parquet", ["decision"]))
    assert made.column_names == ["question", "extra", "answer", "decision"]
    before = pq.read_table(source)
    assert made.drop_columns("decision").equals(before) or "nan" in str(before["extra"])
    assert made.schema.field("extra") == before.schema.field("extra")
    assert made.schema.metadata[b"made by"] == b"a test"


@pytest.mark.parametrize("kind", ["csv", "tsv", "json", "jsonl"])
def test_parquet_to_text(tmp_path, source, kind):
    text = through(source, tmp_path / f"out.{kind}").read_text(encoding="utf-8")
    if kind == "jsonl":
        records = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    elif kind == "json":
        records = json.loads(text, parse_constant=pytest.fail)
    else:
        records = list(csv.DictReader(text.splitlines(), delimiter="," if kind == "csv" else "\t"))
    assert [record["answer"] for record in records] == ["So.", "Thus."]


def test_a_column_that_changes_its_mind_is_widened(tmp_path):
    source = tmp_path / "in.jsonl"
    number = [{"n": 1, "w": 1, "late": None, "flag": True, "big": 2**53 + 1}] * 1200
    after = [{"n": 3.5, "w": "one", "late": 4, "flag": 2, "big": 0.5, "new": [1]}] * 3
    source.write_text("".join(json.dumps(row) + "\n" for row in number + after))
    made = pq.read_table(through(source, tmp_path / "out.parquet")).to_pylist()
    assert [made[0]["n"], made[-1]["n"]] == [1.0, 3.5]
    assert [made[0]["w"], made[-1]["w"]] == ["1", "one"]
    assert [made[0]["late"], made[-1]["late"]] == [None, 4]
    assert [made[0]["flag"], made[-1]["flag"]] == ["true", "2"]
    assert [made[0]["big"], made[-1]["big"]] == [str(2**53 + 1), "0.5"]
    assert [made[0]["new"], made[-1]["new"]] == [None, [1]]


@pytest.mark.parametrize("text", [r"C:\Temp", r"a \\ b", "a\rb", 'q "q" q', "\x85 \u2028", ""])
@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_ordinary_readers_read_what_was_written(tmp_path, text, kind):
    source = tmp_path / "in.json"
    source.write_text(json.dumps([{"answer": text, "note": "x"}]))
    target = through(source, tmp_path / f"out.{kind}")
    separator = "," if kind == "csv" else "\t"
    with target.open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file, delimiter=separator))["answer"] == text
    frame = pandas.read_csv(target, sep=separator, keep_default_na=False)
    assert frame["answer"][0] == text


class TestOutput:
    def test_is_never_the_input(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("question,answer\n")
        link = tmp_path / "b.csv"
        link.symlink_to(path)
        for output in (path, link, tmp_path / "." / "a.csv"):
            with pytest.raises(DataError, match="is both input and output"):
                check_output(output, [path], own=path, force=True)

    def test_is_never_a_strangers_unless_forced(self, tmp_path):
        path, own = tmp_path / "a.csv", tmp_path / "a.csv.ledger.jsonl"
        path.write_text("my precious notes")
        with pytest.raises(DataError, match=r"was not written by this command.*--force"):
            check_output(path, [], own=own)
        assert check_output(path, [], own=own, force=True) == "csv"
        own.write_text("")
        assert check_output(path, [], own=own) == "csv"

    def test_has_a_known_format_and_is_no_folder(self, tmp_path):
        with pytest.raises(DataError, match="was given as output"):
            check_output(tmp_path / "a.xlsx", [])
        (tmp_path / "a.csv").mkdir()
        with pytest.raises(DataError, match="is a folder"):
            check_output(tmp_path / "a.csv", [])


def test_an_error_half_way_leaves_what_was_there(tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("answer\na\nb\n")
    target.write_text("before")
    opened = open_source(source)

    def rows():
        yield {"answer": "a"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(target, opened, [], rows())
    assert target.read_text() == "before"
