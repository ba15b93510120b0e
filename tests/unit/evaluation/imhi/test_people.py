"""How metrics agree with people: the research's way, file by file, and another reference."""

import math

import pytest

from langchain_metaaligner.evaluation.imhi.people import (
    ASPECTS,
    Annotated,
    agreement,
    correlations,
)
from langchain_metaaligner.evaluation.imhi.text import rouge


def rated(post, text, overall):
    return Annotated(post, "yes", text, dict.fromkeys(ASPECTS, overall))


ROWS = [
    rated("the pump moves water", "it moves", 1.0),
    rated("the pump moves water", "the pump moves water", 3.0),
    rated("no sleep at night", "sleep", 0.5),
    rated("no sleep at night", "no sleep", 2.0),
]


def test_every_explanation_is_compared_with_its_post():
    asked = []

    def metric(references, texts):
        asked.extend(zip(references, texts, strict=True))
        return rouge("rouge1")(references, texts)

    found = agreement(ROWS, metric)
    assert asked == [(row.post, row.text) for row in ROWS]
    assert found["overall"]["n"] == 4
    expected = correlations(
        rouge("rouge1")([row.post for row in ROWS], [row.text for row in ROWS]),
        [1.0, 3.0, 0.5, 2.0],
    )
    assert {name: found["overall"][name] for name in expected} == pytest.approx(expected)


def test_the_best_one_is_no_row_of_its_own():
    found = agreement(ROWS, rouge("rouge1"), reference="best")
    assert found["overall"]["n"] == 2


def test_what_cannot_be_told_is_none_and_has_its_n():
    alike = [rated("a post", "words", 1.0)] * 3
    found = agreement(alike, rouge("rouge1"))["fluency"]
    assert found == {"pearson": None, "spearman": None, "kendall": None, "n": 3}
    assert agreement(alike, rouge("rouge1"), "best")["fluency"]["n"] == 0


def test_rows_without_a_score_do_not_count():
    found = agreement(ROWS, lambda references, texts: [math.nan, 1.0, 2.0, 3.0])
    assert found["overall"]["n"] == 3
