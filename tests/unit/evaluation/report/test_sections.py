"""Sections: sentences and tables from figures, and what became of a file's drafts."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.edits import edit_section
from langchain_metaaligner.evaluation.report.sections import (
    counted,
    reward_sections,
    signed,
    text_diff,
    verdict,
)
from langchain_metaaligner.evaluation.results import write_result

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
    (heading, change), (_, other) = section.examples
    assert heading == "Row 1. How?"
    assert change == "<del>You fool. </del>So."
    assert other == "<del>None</del><ins>NA</ins>"


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


def test_diffs_are_escaped():
    assert "<script" not in text_diff("<script>a", "<script>b & c")


def test_the_largest_gains_and_losses_are_the_examples(tmp_path):
    change = {"before": 1.0, "after": 2.0, "golden": None, "change": 1.0, "interval": None,
              "improved": 0.5, "worse": 0.5, "rows": 1}  # fmt: skip
    rows = [
        {"row": n, "query": f"q{n}", "origin": "old", "aligned": f"new {n}",
         "before": {"helpful": 0.0}, "after": {"helpful": float(n - 3)}, "golden": None}
        for n in range(7)
    ]  # fmt: skip
    figures = {"rewards": {"helpful": change}, "weighted": None, "absent": 0, "rows": 7}
    (section,) = reward_sections(write_result(tmp_path, "reward", {"scorer": "m"}, figures, rows))
    assert [heading.split(".")[0] for heading, _ in section.examples] == [
        "Row 7: +3", "Row 6: +2", "Row 1: -3", "Row 2: -2",
    ]  # fmt: skip
    assert section.rows[0][4] == "+1.00"
