"""Which column is the question, and which the answer."""

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.tables.problems import Problems


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("header", "question", "answer"),
    [
        ("question,answer", "question", "answer"),
        ("id,instruction,output", "instruction", "output"),
        ("prompt,response,query", "query", "response"),
        ("goldens,generated_text,query", "query", "generated_text"),
    ],
)
def test_usual_names_are_known(tmp_path, header, question, answer):
    row = ",".join("x" for _ in header.split(","))
    table = open_table(write(tmp_path / "a.csv", f"{header}\n{row}\n"))
    assert (table.question, table.answer) == (question, answer)


def test_named_columns_win(tmp_path):
    source = write(tmp_path / "a.csv", "question,answer,mine,yours\na,b,c,d\n")
    table = open_table(source, "mine", "yours")
    assert (table.question, table.answer) == ("mine", "yours")


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("text,answer", {}, r"no column for the question.*--question-column.*--questions"),
        ("question,text", {}, r"no column for the answer.*--answer-column"),
        ("question,answer", {"answer": "anser"}, r"no column 'anser'.*Did you mean 'answer'"),
        ("question,answer,answer", {}, r"has 2 columns 'answer'"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_the_names_seen(tmp_path, header, options, message):
    row = ",".join("x" for _ in header.split(","))
    with pytest.raises(DataError, match=message):
        open_table(write(tmp_path / "a.csv", f"{header}\n{row}\n"), **options)


def joined(tmp_path, drafts, questions):
    source = write(tmp_path / "a.csv", drafts)
    asked = tmp_path / "q.csv"
    asked.write_text(questions)
    return open_table(source, questions=asked)


def test_questions_of_another_file_are_joined_by_row(tmp_path):
    table = joined(tmp_path, "answer\nSo.\nNo.\n", "query\nWhy?\nHow?\nMore?\n")
    rows = list(table.rows(Problems("raise")))
    assert rows == [{"query": "Why?", "answer": "So."}, {"query": "How?", "answer": "No."}]
    assert len(table.inputs) == 2


def test_more_answers_than_questions(tmp_path):
    table = joined(tmp_path, "answer\nSo.\nNo.\n", "query\nWhy?\n")
    with pytest.raises(DataError, match="row 2 has no question"):
        list(table.rows(Problems("raise")))


def test_files_that_do_not_belong_together(tmp_path):
    table = joined(tmp_path, "answer,goldens\nSo.,one\n", "query,gpt-3.5-turbo\nWhy?,two\n")
    with pytest.raises(DataError, match="another golden answer"):
        list(table.rows(Problems("raise")))


def test_a_file_of_questions_without_questions(tmp_path):
    with pytest.raises(DataError, match=r"q\.csv lacks the column query"):
        joined(tmp_path, "answer\nSo.\n", "quary\nWhy?\n")
