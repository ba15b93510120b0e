"""Objectives added one by one: what is aligned, what is judged, and what is told."""

import json

import pytest

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.evaluation.report.page import sections_of
from langchain_metaaligner.evaluation.unseen import evaluate_unseen
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.testing import FakeAlignerLLM


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "drafts.jsonl"
    rows = [
        {
            "question": f"How, {n}?",
            "answer": f"A long and rude draft {n}.",
            "goldens": "Slowly, then.",
        }
        for n in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_table(str(path))


def edit(prompt):
    return "Short." if "Length" in prompt or "length" in prompt else "An edit of middling length."


def make_aligner(objectives):
    return MetaAlignerRunnable(objectives=list(objectives), llm=FakeAlignerLLM(edit))


def test_each_step_is_aligned_and_judged(table, make_judge, tmp_path):
    judge, steps = make_judge(), []
    result = evaluate_unseen(
        table, make_aligner, judge, tmp_path / "run",
        trained=["honest"], unseen=["length", "fair"], announce=steps.append,
    )  # fmt: skip
    assert [step.partition(" ")[0] for step in steps] == ["0", "1", "2"]
    figures = result.figures
    assert figures["against"] == "golden"
    assert [step["added"] for step in figures["steps"]] == [None, "length", "fair"]
    first, second, last = figures["steps"]
    assert first["net"] == {"honest": -1.0, "length": -1.0, "fair": -1.0}  # longer than the golden
    assert second["net"]["length"] == last["net"]["length"] == 1.0
    assert second["win_rate"]["length"] == 1.0
    assert first["loss_rate"]["length"] == 1.0
    assert figures["before"]["net"]["honest"] == -1.0
    # the last step changes no edit, and is not judged again
    assert len(judge.model.asked) == figures["calls"]["asked"] - 18
    (section,) = sections_of(result)
    assert section.headings == ("objective", "drafts", "trained", "+ length", "+ fair")
    cells = {row[0]: row[1:] for row in section.rows}
    assert cells["length"][1].startswith("0% / 100%: -100%")
    assert cells["length"][2].endswith("*")
    assert "was 0% before any of them was asked for, and 100% with all of them" in section.words[1]


def test_without_golden_answers_drafts_are_the_other_side(make_judge, tmp_path):
    path = tmp_path / "drafts.jsonl"
    path.write_text('{"question": "How?", "answer": "Short!"}\n')
    result = evaluate_unseen(
        open_table(str(path)), make_aligner, make_judge(), tmp_path / "run",
        trained=["honest"], unseen=["length"],
    )  # fmt: skip
    assert (result.figures["against"], result.figures["before"]) == ("original", None)
    assert sections_of(result)[0].headings == ("objective", "trained", "+ length")


@pytest.mark.parametrize(("trained", "unseen"), [(["honest"], []), (["honest"], ["honest"])])
def test_objectives_are_named_once_and_one_is_added(table, make_judge, tmp_path, trained, unseen):
    with pytest.raises(SettingError, match="Add one at least, and name each once"):
        evaluate_unseen(table, make_aligner, make_judge(), tmp_path, trained=trained, unseen=unseen)
