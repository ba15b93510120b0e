"""The one reader of answers: what `align-file` writes, whatever the columns and the format."""

import json

import pytest

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import Answers, read_answers
from langchain_metaaligner.files.align import align_file
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.testing import FakeAlignerLLM

ODD = ["None", "NA", "null", "a\\", r"C:\new\table", "two\nlines", '"quoted", and more', "\\\\"]


@pytest.fixture
def aligned(tmp_path):
    """Aligns rows by the product itself, and gives the file."""

    def align(name, rows, suffix=".csv"):
        source = tmp_path / f"{name}.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        aligner = MetaAlignerRunnable(
            objectives=["harmless"], llm=FakeAlignerLLM(lambda prompt: "Edited: kind.")
        )
        output = tmp_path / f"{name}-aligned{suffix}"
        align_file(open_table(str(source)), output, LocalEngine(aligner), settings_of(aligner))
        return output

    return align


@pytest.mark.parametrize("question", ["query", "question", "prompt", "input", "instruction"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_what_align_file_writes_is_read(aligned, question, suffix):
    rows = [{question: f"How, {n}?", "answer": text} for n, text in enumerate(ODD)]
    answers = read_answers(aligned("drafts", rows, suffix))
    assert [row.query for row in answers] == [row[question] for row in rows]
    assert [row.origin for row in answers] == ODD
    assert {row.aligned for row in answers} == {"Edited: kind."}
    assert {row.golden for row in answers} == {None}


def test_columns_that_the_input_had_already_are_no_edits(aligned):
    rows = [{"question": "How?", "answer": "So.", "aligned_responses": "not ours"}]
    (answers,) = read_answers(aligned("drafts", rows))
    assert (answers.origin, answers.aligned) == ("So.", "Edited: kind.")


def test_the_dialect_of_the_research_is_read_where_it_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('query,goldens,origin_responses,aligned_responses\nq,g,a\\\\b,"c, d"\n')
    (plain,) = read_answers(path)
    assert plain.origin == r"a\\b"
    (research,) = read_answers(path, escaped=True)
    assert (research.origin, research.aligned) == (r"a\b", "c, d")


def test_empty_cells_and_what_is_no_text_are_absent(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"query": "q", "goldens": None, "origin_responses": "  ", "aligned_responses": 3},
        {"query": None, "goldens": "g", "origin_responses": "a", "aligned_responses": "b"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_answers(path) == [Answers("q", None, None, None), Answers("", "g", "a", "b")]
    assert len(read_answers(path, limit=1)) == 1


def test_a_folder_is_read_file_by_file_without_ledgers(aligned, tmp_path):
    folder = tmp_path / "edits"
    folder.mkdir()
    for name in ("DR", "SAD"):
        made = aligned(name, [{"question": f"{name}?", "answer": "So."}] * 2)
        made.rename(folder / made.name)
        ledger = made.with_name(f"{made.name}.ledger.jsonl")
        ledger.rename(folder / ledger.name)
    answers = read_answers(folder)
    assert [(row.query, row.source) for row in answers] == [
        *[("DR?", "DR-aligned.csv")] * 2,
        *[("SAD?", "SAD-aligned.csv")] * 2,
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text,answer\na,b\n", "no column of questions, such as query, question"),
        ("query,notes\na,b\n", "neither drafts nor edits. It has: query, notes"),
        ('query,answer\na,"b\n', "a.csv"),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path, text, says):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        read_answers(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"query,answer\nq,caf\xe9\n")
    with pytest.raises(DataError, match=r"UTF-8"):
        read_answers(path)


def test_a_question_column_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frage,answer\nWie?,So.\n")
    (answers,) = read_answers(path, question="frage")
    assert answers.query == "Wie?"
    with pytest.raises(DataError, match="no column 'fragen'"):
        read_answers(path, question="fragen")


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_answers(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no file of answers"):
        read_answers(tmp_path)
