"""Sections: sentences and tables from figures, and what became of a file's drafts."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.edits import edit_section
from langchain_metaaligner.evaluation.report.sections import (
    Outcomes,
    Table,
    change,
    counted,
    signed,
    verdict,
)

HEAD = ("question", "answer", "origin_responses", "aligned_responses", "decision", "reason")


def write(path, rows, head=HEAD):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_what_became_of_the_drafts(tmp_path):
    rows = [
        ("How?", "You fool. So.", "You fool. So.", "So.", "edited", ""),
        ("Why?", "None", "None", "NA", "edited", ""),
        ("What?", "Fine.", "Fine.", "Fine.", "unchanged", ""),
        ("When?", "", "", "", "kept", "empty_draft"),
    ]
    section = edit_section(write(tmp_path / "aligned.csv", rows))
    assert section.words[0].startswith(
        "Of 4 answers 2 were edited, 1 came back unchanged, and of 1"
    )
    assert section.rows[-1] == ["kept", "empty_draft", "1"]


def test_columns_under_the_name_that_was_free(tmp_path):
    head = (*HEAD[:4], "decision", "reason", "metaaligner_decision", "metaaligner_reason")
    rows = [("Q?", "a", "a", "b", "the user's", "own", "edited", "")]
    section = edit_section(write(tmp_path / "aligned.csv", rows, head))
    assert section.rows[0] == ["edited", "", "1"]


def test_other_files_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", [("q", "a")], HEAD[:2])
    with pytest.raises(DataError, match="lacks the columns origin_responses, aligned_responses"):
        edit_section(path)


def test_a_single_answer_is_singular():
    assert counted(1, "row") == "1 row"
    assert counted(0, "reply") == "0 replies"


def test_signs_are_shown():
    assert signed(-0.25, [-0.5, 0.0]) == "-25% (-50% to +0%)"
    assert signed(0.5, None) == "+50%"


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_verdict_needs_an_interval_beside_zero(one, other):
    low, high = sorted((one, other))
    says = verdict((low, high))
    assert (says == "better") == (low > 0)
    assert (says == "worse") == (high < 0)


@pytest.mark.parametrize(
    ("counts", "says"),
    [((26, 53, 1), "better"), ((1, 53, 26), "worse"), ((40, 50, 36), "no clear difference")],
)
def test_what_a_bar_says_is_what_the_net_says(counts, says):
    assert Outcomes("harmless", *counts).verdict == says


def test_nothing_judged_has_no_net():
    bar = Outcomes("harmless", 0, 0, 0)
    assert (bar.net, bar.told, bar.verdict) == (None, "none", "")


@pytest.mark.parametrize(
    ("value", "interval", "told"),
    [
        (0.5, None, "+0.50"),
        (-0.001, (-0.002, 0.0), "-0.0010 (-0.0020 to +0.0000)"),
        (0.0, None, "+0.00"),
        (-0.0, (0.0, 0.0), "+0.00 (+0.00 to +0.00)"),
    ],
)
def test_small_changes_are_no_zeros(value, interval, told):
    assert change(value, interval) == told


def test_columns_of_figures_stand_to_the_right():
    table = Table(("a", "b", "c", "d"), [["1", "1,200", "none", "x"], ["2", "", "+5%", "3"]])
    assert [table.is_number(place) for place in range(4)] == [False, True, True, False]
