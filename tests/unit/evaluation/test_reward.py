"""Rewards before and after."""

import json

import pytest

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.answers import read_answers
from langchain_metaaligner.evaluation.reward import score_answers


class Words:
    calls = 0

    def score_all(self, pairs):
        Words.calls += len(pairs)
        return [{"words": float(len(text.split())), "even": 1.0} for _, text in pairs]


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"query": f"q{n}", "goldens": "one two three", "origin_responses": "one",
         "aligned_responses": "one two" if n else ""}
        for n in range(5)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_answers(path)


def test_changes_are_told(answers, tmp_path):
    run = {"scorer_name": "words", "weights": {"words": 2.0}}
    result = score_answers(answers, Words(), tmp_path / "run", **run)
    words = result.figures["rewards"]["words"]
    assert (words["before"], words["after"], words["golden"], words["change"]) == (1, 2, 3, 1)
    assert (words["improved"], words["rows"], result.figures["absent"]) == (1.0, 4, 1)
    assert result.figures["weighted"]["change"] == 2.0
    assert result.figures["rewards"]["even"]["improved"] == 0.0
    before = Words.calls
    again = score_answers(answers, Words(), tmp_path / "run", **run)
    assert Words.calls == before
    assert again.figures == result.figures
    assert next(again.rows())["after"] is None


def test_a_weight_for_nothing_is_told(answers, tmp_path):
    with pytest.raises(SettingError, match="'word'"):
        score_answers(answers, Words(), tmp_path, scorer_name="w", weights={"word": 1.0})


def test_files_of_other_columns_are_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,response\na,b\n")
    with pytest.raises(DataError, match="It has: text, response"):
        read_answers(path)
