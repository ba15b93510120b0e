"""Ratings: their distributions, and what the edit adds."""

import re

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.judge.ratings import (
    estimate_ratings,
    rate_answers,
    responses_to_rate,
)


def number_in_response(text):
    return re.search(r"RESPONSE: \S*?(-?\d+)", text)[1]


def test_quartiles_lie_within_the_scale(make_judge, tmp_path):
    rows = [Answers(f"Why {n}?", None, f"x{score}", None) for n, score in enumerate((0, 10))]
    result = rate_answers(rows, ["fair"], make_judge(number_in_response), tmp_path)
    ratings = result.figures["ratings"]["fair"]["origin_responses"]
    assert ratings["quartiles"] == [2.5, 5.0, 7.5]
    assert ratings["histogram"] == [1, *[0] * 9, 1]
    assert result.figures["ratings"]["fair"]["aligned_responses"]["absent"] == 2


def test_changes_pair_the_rows(make_judge, tmp_path):
    rows = [
        Answers("a?", None, "x2", "x5"),
        Answers("b?", None, "x4", "x5"),
        Answers("c?", None, "x4", None),
        Answers("d?", None, "x99", "x7"),  # beyond the scale: no score
    ]
    result = rate_answers(rows, ["fair"], make_judge(number_in_response), tmp_path)
    change = result.figures["changes"]["fair"]
    assert (change["mean"], change["rows"]) == (2.0, 2)
    drafts = result.figures["ratings"]["fair"]["origin_responses"]
    assert (drafts["n"], drafts["invalid"], drafts["errors"]) == (3, 1, 0)
    assert [row["score"] for row in result.rows()] == [2, 4, 4, None, 5, 5, None, 7]


def test_equal_responses_are_paid_once(make_judge, tmp_path):
    judge = make_judge(number_in_response)
    rows = [Answers("a?", None, "x3", "x3")] * 5
    result = rate_answers(rows, ["fair"], judge, tmp_path)
    assert len(judge.model.asked) == result.figures["calls"]["asked"] == 1
    settings = {"judge": "scripted", "dataset": "UltraFeedback", "research_compat": False}
    estimate = estimate_ratings(responses_to_rate(rows, ["fair"]), tmp_path, settings)
    assert (estimate.calls, estimate.known) == (0, 1)


def test_failed_calls_are_no_scores(make_judge, tmp_path):
    def reply(text):
        if "x4" in text:
            raise ValueError("no")
        return "<think>8? 9?</think>6"

    rows = [Answers("a?", None, "x4", "x5")]
    result = rate_answers(rows, ["fair"], make_judge(reply, tries=1), tmp_path)
    by = result.figures["ratings"]["fair"]
    assert (by["origin_responses"]["errors"], by["origin_responses"]["mean"]) == (1, None)
    assert by["aligned_responses"]["mean"] == 6


def test_nothing_to_rate_is_told():
    with pytest.raises(DataError, match="No row has a draft or an edit"):
        responses_to_rate([Answers("a?", "golden", None, None)], ["fair"])
