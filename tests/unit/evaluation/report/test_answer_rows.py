"""All answers of a report, with what every evaluation said about each."""

import csv

import pytest

from langchain_metaaligner.evaluation.report.answer_rows import answer_rows, examples
from langchain_metaaligner.evaluation.results import write_result

HEAD = ("question", "answer", "origin_responses", "aligned_responses", "decision", "reason")


@pytest.fixture
def aligned(tmp_path):
    path = tmp_path / "aligned.csv"
    rows = [
        ("Q0?", "You fool. So.", "You fool. So.", "So.", "edited", ""),
        ("Q1?", "Fine.", "Fine.", "Fine.", "unchanged", ""),
        ("Q2?", "Long and good.", "Long and good.", "Long.", "edited", ""),
        ("Q3?", "", "", "", "kept", "empty_draft"),
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    return path


def judged(folder):
    texts = [("So.", "You fool. So.", "win"), ("Fine.", "Fine.", "tied"),
             ("Long.", "Long and good.", "lose")]  # fmt: skip
    rows = [
        {"row": n, "query": f"Q{n}?", "comparison": comparison, "objective": "harmless",
         "first": first, "second": second, "outcome": outcome}
        for n, (first, second, outcome) in enumerate(texts)
        for comparison in ("aligned against original", "aligned against golden")
    ]  # fmt: skip
    return write_result(folder, "judge", {}, {}, rows)


def rewarded(folder):
    rows = [
        {"row": n, "query": f"Q{n}?", "origin": origin, "aligned": text,
         "before": {"a": 0.0, "b": 0.0}, "after": {"a": change, "b": 100 * change}}
        for n, origin, text, change in
        [(0, "You fool. So.", "So.", 2.0), (1, "Fine.", "Fine.", 0.0)]
    ]  # fmt: skip
    return write_result(folder, "reward", {}, {}, rows)


def rated(folder):
    rows = [
        {"row": 0, "query": "Q0?", "objective": "fair", "column": column, "response": text,
         "score": score}
        for column, text, score in [("origin_responses", "You fool. So.", 5.0),
                                    ("aligned_responses", "So.", 8.0)]
    ]  # fmt: skip
    return write_result(folder, "rating", {}, {}, rows)


def test_marks_stand_beside_their_answers(aligned, tmp_path):
    results = [judged(tmp_path / "j"), rated(tmp_path / "r"), rewarded(tmp_path / "w")]
    first, second, third, kept = answer_rows([aligned], results)
    assert [mark.label for mark in first.marks] == [
        "harmless: win", "fair: 5 → 8", "a: +2.00", "b: +200.00",
    ]  # fmt: skip
    assert first.gain == pytest.approx(1 + 0.3 + 2 + 2)  # each reward in its own deviations
    assert [mark.tone for mark in second.marks] == ["even"] * 3
    assert third.gain == -1
    assert (kept.gain, kept.kinds) == (None, ["kept", "kept: empty_draft"])
    assert (first.length, first.change) == (-10, "<del>You fool. </del>So.")
    assert "harmless: better" in first.kinds


def test_examples_are_the_largest_gains_and_losses_and_the_kept(aligned, tmp_path):
    rows = list(answer_rows([aligned], [judged(tmp_path / "j")]))
    groups = {group.title: [row.row.number for row in group.rows] for group in examples(rows)}
    assert groups == {"Largest gains": [1], "Largest losses": [3], "Drafts that were kept": [4]}


def test_without_an_evaluation_some_edits_are_the_examples(aligned):
    groups = {group.title: len(group.rows) for group in examples(list(answer_rows([aligned], [])))}
    assert groups == {"Some of the edits": 2, "Drafts that were kept": 1}


def test_without_a_file_the_judged_answers_are_the_rows(tmp_path):
    rows = list(answer_rows([], [judged(tmp_path / "j")]))
    assert [row.row.decision for row in rows] == ["edited", "unchanged", "edited"]
