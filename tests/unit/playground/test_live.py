"""An edit as it is written has the record that `align` gives."""

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

import itertools

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.objectives import parse_objectives
from langchain_metaaligner.playground.live import live_edit
from langchain_metaaligner.testing import FakeAlignerLLM

HARMLESS = parse_objectives(["harmless"])
QUESTION, DRAFT = "How do I boil an egg?", "You fool. Boil it for nine minutes."


def states(function, **options):
    aligner = MetaAlignerRunnable(
        objectives=["fair"], request_objectives="any", llm=FakeAlignerLLM(function), **options
    )
    return list(live_edit(aligner, QUESTION, DRAFT, HARMLESS)), aligner


def test_the_edit_grows_and_its_record_comes_last():
    (*texts, record), _ = states(lambda prompt: "Boil it for nine minutes.")
    assert texts == ["Boil ", "Boil it ", "Boil it for ", "Boil it for nine ", record.text]
    assert record.decision == "edited"
    assert record.objectives == ("harmless",)
    assert record.question == QUESTION


def test_what_is_refused_is_kept_as_align_keeps_it():
    (*texts, record), aligner = states(
        lambda prompt: "Ask a cook.", checks=[lambda draft, edit: "too_short"]
    )
    assert texts[-1] == "Ask a cook."
    assert (record.decision, record.reason) == ("kept", "too_short")
    assert record.text == DRAFT
    assert record.rejected == "Ask a cook."
    expected = aligner.align(QUESTION, DRAFT, {"configurable": {"objectives": HARMLESS}})
    assert record.record() | {"seconds": 0} == expected.record() | {"seconds": 0}


def test_a_model_that_fails_leaves_the_draft():
    def fail(prompt):
        raise RuntimeError("out of memory")

    (*_, record), _ = states(fail)
    assert (record.decision, record.reason, record.text) == ("kept", "error", DRAFT)
    assert "out of memory" in record.detail


class Shorter:
    def score_all(self, pairs):
        return [{"brevity": -float(len(answer))} for _, answer in pairs]


def test_a_gate_shows_nothing_before_its_scores():
    (record,), _ = states(lambda prompt: "Nine minutes.", gate=RewardGate(Shorter()))
    assert record.decision == "edited"
    assert record.scores["gain"] == len(DRAFT) - len("Nine minutes.")


def test_the_bundled_aligner_writes_in_pieces():
    aligner = MetaAlignerRunnable(
        objectives=["fair"], request_objectives="any", model_kwargs={"device": "cpu"}
    )
    *texts, record = live_edit(aligner, QUESTION, DRAFT, HARMLESS)
    assert texts[-1] == record.text
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    expected = aligner.align(QUESTION, DRAFT, {"configurable": {"objectives": HARMLESS}})
    assert record.text == expected.text
