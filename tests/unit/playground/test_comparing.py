"""Files answered by several aligners."""

import csv
import json

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.objectives import parse_objectives
from langchain_metaaligner.playground.comparing import DRAFT, answer_rows, read_drafts
from langchain_metaaligner.testing import FakeAlignerLLM

HARMLESS = parse_objectives(["harmless"])


def aligner(function):
    return MetaAlignerRunnable(
        objectives=["fair"], request_objectives="any", llm=FakeAlignerLLM(function)
    )


@pytest.fixture
def drafts(tmp_path):
    path = tmp_path / "drafts.csv"
    with path.open("w", newline="") as file:
        rows = [(f"Question {at}?", f"You fool. Answer {at}.") for at in range(1, 21)]
        csv.writer(file).writerows([("question", "answer"), *rows])
    return path


def test_every_system_answers_every_row(drafts):
    shares = []
    rows = answer_rows(
        drafts,
        12,
        {"a": aligner(lambda prompt: "A."), "b": aligner(lambda prompt: "B.")},
        HARMLESS,
        with_draft=True,
        progress=lambda share, text: shares.append(share),
    )
    assert [row.row for row in rows] == list(range(1, 13))
    assert rows[4].question == "Question 5?"
    assert rows[4].answers == {DRAFT: "You fool. Answer 5.", "a": "A.", "b": "B."}
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] < 1


def test_without_the_drafts(drafts):
    rows = answer_rows(drafts, 1, {"a": aligner(lambda p: "A.")}, HARMLESS, with_draft=False)
    assert rows[0].answers == {"a": "A."}


def test_rows_without_text_are_left_out_and_keep_their_numbers(tmp_path):
    path = tmp_path / "drafts.jsonl"
    rows = [
        {"question": "One?", "answer": " "},
        {"question": "", "answer": "Two."},
        {"question": "Three?", "answer": None},
        {"question": "Four?", "answer": ["Four."]},
        {"question": "Five?", "answer": "Five."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_drafts(path, 9) == [(5, "Five?", "Five.")]


def test_a_file_without_drafts(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("question,answer\n,\n")
    with pytest.raises(DataError, match="no row with a question and an answer"):
        read_drafts(path, 9)
    path.write_text("question,points\nWhy?,3\n")
    with pytest.raises(DataError, match="has no column for the answer"):
        read_drafts(path, 9)
