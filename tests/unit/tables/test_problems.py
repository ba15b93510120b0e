"""Bad input is counted with its place, and left out or refused as asked."""

import gzip
import json

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.jsonl import json_array, json_lines
from langchain_metaaligner.tables.problems import KEPT, Problems


def test_a_broken_line_in_the_middle_of_many(tmp_path):
    lines = [json.dumps({"n": n}).encode() for n in range(2_001)]
    lines[1000] = b'{"n": 10'
    lines[1500] = b'{"n": "\xff"}'
    lines[1600] = b'{"n": "\\ud800"}'
    lines[1700] = b"[" * 100_000
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    problems = Problems()
    found = list(json_lines(tmp_path / "a.jsonl", problems))
    assert len(found) == 1_997
    assert all(number == record["n"] + 1 for number, record in found)
    assert [one.line for one in problems.all] == [1001, 1501, 1601, 1701]
    assert set(problems.counts) == {"broken line"}


def test_a_compressed_file_that_breaks_off(tmp_path):
    whole = gzip.compress(b"".join(json.dumps({"n": n}).encode() + b"\n" for n in range(5_000)))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    problems = Problems()
    found = list(json_lines(tmp_path / "a.jsonl.gz", problems))
    assert 0 < len(found) < 5_000
    assert problems.all[-1].line == len(found) + 1
    assert "the file breaks off here" in problems.all[-1].detail
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b"[" + b" " * (1 << 22) + b"1]")[:-12])
    with pytest.raises(DataError, match=r"cannot be read beyond item 0|breaks off after item 0"):
        list(json_array(tmp_path / "b.json.gz"))


def test_the_log_has_more_than_memory_keeps(tmp_path):
    problems = Problems(log=tmp_path / "problems.jsonl")
    for line in range(2 * KEPT + 5):
        problems.found("empty answer", "a.csv", line, "column answer")
    problems.flush()
    assert len(problems.all) == KEPT
    assert problems.counts == {"empty answer": 2 * KEPT + 5}
    lines = (tmp_path / "problems.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == list(range(2 * KEPT + 5))


def test_a_run_replaces_what_it_wrote_before_and_nothing_else(tmp_path):
    for source, kind in (("train.csv", "empty answer"), ("test.csv", "bad rating")) * 2:
        problems = Problems(log=tmp_path / "problems.jsonl")
        problems.open_log([source])
        problems.found(kind, source, 2, "")
        problems.flush()
    lines = (tmp_path / "problems.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["train.csv", "test.csv"]
    problems = Problems(log=tmp_path / "problems.jsonl")
    problems.open_log(["train.csv", "test.csv"])
    assert not (tmp_path / "problems.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "left_out"),
    [((), False), (("skip",), False), (("skip", "skip"), True), (("raise", "keep"), False)],
)
def test_duplicates_are_counted_and_used_or_left_out(options, left_out):
    problems = Problems(*options)
    assert not problems.repeats("q", "a.csv", 2)
    assert not problems.repeats("r", "a.csv", 3)
    assert problems.repeats("q", "a.csv", 9) is left_out
    assert [(one.line, one.detail) for one in problems.all] == [(9, "first in line 2: 'q'")]


def test_another_file_has_queries_of_its_own():
    problems = Problems("raise")
    problems.repeats("q", "a.csv", 2)
    problems.begin()
    assert not problems.repeats("q", "a.csv", 3)


@pytest.mark.parametrize("options", [("raise",), ("skip", "raise")])
def test_duplicates_are_refused(options):
    problems = Problems(*options)
    problems.repeats("q", "a.csv", 2)
    with pytest.raises(DataError, match=r"a.csv, line 3: duplicate query \(first in line 2\)"):
        problems.repeats("q", "a.csv", 3)


def test_unknown_policies_have_a_hint():
    with pytest.raises(DataError, match=r"on_problem='skipp' is unknown\. Did you mean 'skip'\?"):
        Problems("skipp")
    with pytest.raises(DataError, match=r"duplicates='drop' is unknown\. Give one of: keep, skip"):
        Problems("skip", "drop")
