"""Files of drafts: every row comes out, whatever it holds and whatever happens."""

import csv
import json
from collections import Counter

import pandas
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import DataError, LedgerError
from langchain_metaaligner.files.align import align_file, ledger_of
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.tables.text import writable
from langchain_metaaligner.testing import FakeAlignerLLM


def edit(prompt):
    return "better " + prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")


def make(llm=edit, **options):
    return MetaAlignerRunnable(
        objectives=["harmless"], llm=FakeAlignerLLM(llm), template="UltraFeedback", **options
    )


def run(source, output, aligner=None, window=4, **columns):
    aligner = aligner or make()
    table = open_table(str(source), **columns)
    return align_file(table, output, LocalEngine(aligner), settings_of(aligner), window=window)


def rows_of(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    rows = [{"query": f"q{n}", "goldens": "g", "generated_text": f"a{n % 7}"} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("given_as", ["csv", "jsonl", "parquet"])
def test_all_formats(source, tmp_path, kind, given_as):
    frame = pandas.read_json(source, lines=True)
    start = tmp_path / f"start.{given_as}"
    if given_as == "csv":
        frame.to_csv(start, index=False)
    elif given_as == "parquet":
        frame.to_parquet(start)
    else:
        start = source
    output = tmp_path / f"out.{kind}"
    report = run(start, output)
    assert report.rows == 20
    assert report.decisions == {"edited": 20}
    made = rows_of(output)
    assert [row["query"] for row in made] == [f"q{n}" for n in range(20)]
    assert [row["aligned_responses"] for row in made] == [f"better a{n % 7}" for n in range(20)]
    assert list(made[0]) == [
        "query",
        "goldens",
        "generated_text",
        "origin_responses",
        "aligned_responses",
        "decision",
        "reason",
    ]
    assert len(ledger_of(output).read_text().splitlines()) == 20


def test_bad_rows_are_kept_with_their_reason(tmp_path):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    answers = ["fine", "", None, 7, ["x"], "   ", "fine too", "poison"]
    lines = [json.dumps({"question": f"q{n}", "answer": one}) for n, one in enumerate(answers)]
    lines.insert(3, "{broken")
    lines.append(json.dumps({"question": "", "answer": "an answer"}))
    path.write_text("\n".join(lines) + "\n")

    def fail(prompt):
        if "poison" in prompt:
            return ""
        return edit(prompt)

    report = run(path, output, make(fail))
    assert report.rows == 9
    assert report.problems.counts == {"broken line": 1}
    assert report.problems.all[0].line == 4
    made = rows_of(output)
    assert [row["reason"] for row in made] == [
        None,
        "empty_draft",
        "empty_draft",
        "not_text",
        "not_text",
        "empty_draft",
        None,
        "empty",
        "no_question",
    ]
    assert [row["aligned_responses"] for row in made] == [
        "better fine",
        "",
        None,
        7,
        ["x"],
        "   ",
        "better fine too",
        "poison",
        "an answer",
    ]
    assert report.reasons == Counter(empty_draft=3, not_text=2, empty=1, no_question=1)


def test_equal_rows_are_asked_once(tmp_path):
    path, asked = tmp_path / "in.jsonl", []
    path.write_text('{"question": "q", "answer": "a"}\n' * 10)
    report = run(path, tmp_path / "out.jsonl", make(lambda p: asked.append(p) or edit(p)))
    assert len(asked) == 1
    assert report.reused == 9
    assert len(rows_of(tmp_path / "out.jsonl")) == 10


def test_a_stopped_run_goes_on_to_the_same_file(source, tmp_path):
    whole = tmp_path / "whole.csv"
    run(source, whole)
    output, asked = tmp_path / "out.csv", []

    def stops(prompt):
        asked.append(prompt)
        if len(asked) == 11:
            raise KeyboardInterrupt
        return edit(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(source, output, make(stops))
    assert not output.exists()
    report = run(source, output, make(stops))
    assert report.reused == 8
    assert output.read_bytes() == whole.read_bytes()
    assert sum(asked.count(prompt) > 1 for prompt in set(asked)) <= 4


def test_a_row_that_failed_is_tried_again(source, tmp_path):
    output, down = tmp_path / "out.csv", True

    def server(prompt):
        if down and "a3" in prompt:
            raise ConnectionError("the server is gone")
        return edit(prompt)

    report = run(source, output, make(server))
    assert report.reasons["error"] > 0
    assert report.rows == 20
    down = False
    report = run(source, output, make(server))
    assert report.decisions == {"edited": 20}


def test_other_settings_are_refused(source, tmp_path):
    output = tmp_path / "out.csv"
    run(source, output)
    other = MetaAlignerRunnable(
        objectives=["helpful"], llm=FakeAlignerLLM(edit), template="UltraFeedback"
    )
    with pytest.raises(LedgerError, match="other settings"):
        run(source, output, other)


def test_no_rows(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("query,generated_text\n")
    for kind in ("csv", "jsonl", "parquet"):
        report = run(path, tmp_path / f"out.{kind}")
        assert report.rows == 0
        assert (tmp_path / f"out.{kind}").exists()


class TestColumns:
    def test_may_be_named(self, tmp_path):
        path = tmp_path / "in.jsonl"
        path.write_text('{"asked": "q", "said": "a"}\n')
        report = run(path, tmp_path / "out.jsonl", question="asked", answer="said")
        assert report.decisions == {"edited": 1}

    def test_that_are_absent_are_an_error_that_names_those_seen(self, tmp_path):
        path = tmp_path / "in.jsonl"
        path.write_text('{"asked": "q", "generated_text": "a"}\n')
        with pytest.raises(DataError, match=r"It has: asked, generated_text.*--question-column"):
            run(path, tmp_path / "out.jsonl")
        with pytest.raises(DataError, match="no column 'sad'"):
            run(path, tmp_path / "out.jsonl", question="sad")

    def test_of_an_unknown_format(self, tmp_path):
        path = tmp_path / "in.xlsx"
        path.write_text("a\tb\n")
        with pytest.raises(DataError, match=r"Give a \.csv, \.tsv, \.json, \.jsonl or \.parquet"):
            run(path, tmp_path / "out.csv")
        source = tmp_path / "in.jsonl"
        source.write_text('{"query": "q", "answer": "a"}\n')
        with pytest.raises(DataError, match="was given as output"):
            run(source, tmp_path / "out.xlsx")


class TestJoin:
    def join(self, tmp_path, goldens, asked):
        outputs, questions = tmp_path / "DR.csv", tmp_path / "DR_test.csv"
        pandas.DataFrame({"goldens": goldens, "generated_text": "an answer"}).to_csv(
            outputs, index=False
        )
        pandas.DataFrame(
            {"query": [f"post {n}" for n in range(len(asked))], "gpt-3.5-turbo": asked}
        ).to_csv(questions, index=False)
        output = tmp_path / "out.csv"
        report = run(outputs, output, questions=questions)
        return report, rows_of(output)

    def test_by_row_also_of_a_part(self, tmp_path):
        report, rows = self.join(tmp_path, ["x", "y"], ["x", "y", "z"])
        assert report.decisions == {"edited": 2}
        assert [row["query"] for row in rows] == ["post 0", "post 1"]
        assert list(rows[0])[:3] == ["query", "goldens", "generated_text"]

    def test_of_another_test_set_is_an_error(self, tmp_path):
        with pytest.raises(DataError, match=r"Row 2 .* another golden answer"):
            self.join(tmp_path, ["x", "other"], ["x", "y"])
        with pytest.raises(DataError, match="has more rows"):
            self.join(tmp_path, ["x", "y"], ["x"])


WITHOUT_SHRINKING = [phase for phase in Phase if phase is not Phase.shrink]  # a run takes long


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=WITHOUT_SHRINKING,
)
@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=12))
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_any_text_comes_out_again(tmp_path_factory, kind, pairs):
    folder = tmp_path_factory.mktemp("any")
    source, output = folder / "in.jsonl", folder / f"out.{kind}"
    lines = [json.dumps({"question": q, "answer": a}) for q, a in pairs]
    source.write_text("".join(line + "\n" for line in lines) or "\n")
    if not pairs:
        return
    report = run(source, output, make(lambda prompt: "fine"))
    assert report.rows == len(pairs)
    written = {"jsonl": lambda text: text}.get(kind, lambda text: writable(text))
    expected = [(written(question), written(answer)) for question, answer in pairs]
    assert [(row["question"], row["answer"]) for row in rows_of(output)] == expected
