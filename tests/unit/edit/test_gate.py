"""The gate: what a reward model does not find better does not stand."""

import itertools

import pytest

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.testing import FakeAlignerLLM

PAIRS = [("Why?", "Because."), ("What?", "That thing over there.")]


class Length:
    """Longer is better, and has more vowels."""

    def __init__(self):
        self.calls = []

    def score_all(self, pairs):
        self.calls.append(list(pairs))
        return [
            {"length": float(len(answer)), "vowels": float(sum(c in "aeiou" for c in answer))}
            for _, answer in pairs
        ]


def make(edit, gate, **options):
    return MetaAlignerRunnable(
        objectives=["helpful"],
        llm=FakeAlignerLLM(edit),
        template="UltraFeedback",
        gate=gate,
        **options,
    )


def test_a_better_edit_stands_and_the_record_has_the_scores():
    aligner = make(lambda prompt: "A far longer answer to that.", RewardGate(Length()))
    alignment = aligner.align(*PAIRS[0])
    assert alignment.decision == "edited"
    assert alignment.scores["draft"] == {"length": 8.0, "vowels": 4.0}
    assert alignment.scores["edits"] == [{"length": 28.0, "vowels": 7.0}]
    assert alignment.scores["gain"] == 11.5
    assert aligner.align(*PAIRS[0]).record()["scores"] == alignment.scores


def test_a_worse_edit_leaves_the_draft():
    alignment = make(lambda prompt: "So.", RewardGate(Length())).align(*PAIRS[0])
    assert (alignment.text, alignment.decision, alignment.reason) == ("Because.", "kept", "no_gain")
    assert alignment.rejected == "So."
    assert alignment.scores["gain"] < 0


def test_weights_and_the_least_gain_decide():
    edit = "Bcs xyz pqrst vwxyz."
    for weights, gain, stands in (
        ({"length": 1.0}, 5.0, True),
        ({"length": 1.0}, 50.0, False),
        ({"vowels": 1.0}, 0.0, False),
        ({"vowels": -1.0}, 0.0, True),
    ):
        gate = RewardGate(Length(), weights=weights, min_gain=gain)
        alignment = make(lambda prompt: edit, gate).align(*PAIRS[0])
        assert (alignment.decision == "edited") is stands


def test_a_batch_is_scored_at_once():
    scorer = Length()
    make(lambda prompt: "A far longer answer to that.", RewardGate(scorer)).align_batch(PAIRS)
    assert [len(call) for call in scorer.calls] == [4]


def test_the_best_of_several_candidates_stands():
    replies = itertools.cycle(["So.", "A far longer answer to that.", "Well, well."])
    aligner = make(lambda prompt: next(replies), RewardGate(Length()), candidates=3)
    alignments = aligner.align_batch(PAIRS)
    assert {one.text for one in alignments} == {"A far longer answer to that."}
    assert all(len(one.scores["edits"]) == 3 for one in alignments)
    assert len(aligner.llm.calls) == 1


def test_refused_candidates_are_not_scored():
    replies = itertools.cycle(["", "A far longer answer to that."])
    aligner = make(lambda prompt: next(replies), RewardGate(Length()), candidates=2)
    alignment = aligner.align(*PAIRS[0])
    assert alignment.decision == "edited"
    assert len(alignment.scores["edits"]) == 1
    nothing = make(lambda prompt: "", RewardGate(Length())).align(*PAIRS[0])
    assert nothing.reason == "empty"


def test_a_scorer_that_fails_costs_nobody_the_draft():
    class Broken:
        def score_all(self, pairs):
            raise ConnectionError("the reward model is gone")

    alignment = make(lambda prompt: "An edit.", RewardGate(Broken())).align(*PAIRS[0])
    assert (alignment.text, alignment.reason) == ("Because.", "error")
    assert "the reward model is gone" in alignment.detail


async def test_async_and_streams_pass_the_gate_too():
    aligner = make(lambda prompt: "So.", RewardGate(Length()))
    assert (await aligner.aalign(*PAIRS[0])).reason == "no_gain"
    value = {"question": "Why?", "answer": "Because."}
    assert aligner.invoke(value)["answer"] == "Because."
    shown = "".join(chunk.get("answer", "") for chunk in aligner.stream(value))
    assert shown == "Because."


def test_the_mini_samples_candidates():
    aligner = MetaAlignerRunnable(
        objectives=["harmless"],
        model_kwargs={
            "device": "cpu",
            "max_new_tokens": 24,
            "generation": {"do_sample": True, "temperature": 0.5},
        },
        gate=RewardGate(Length(), weights={"length": -1.0}),
        candidates=3,
    )
    alignment = aligner.align("What is a pump?", "You fool. A pump moves water.")
    assert alignment.decision in ("edited", "unchanged", "kept")
    assert alignment.scores is None or 1 <= len(alignment.scores["edits"]) <= 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"candidates": 3}, "needs a gate"),
        ({"candidates": 0}, "candidates=0"),
        ({"gate": RewardGate(Length()), "streaming": "live"}, 'Use "checked"'),
    ],
)
def test_mistakes_are_told(options, says):
    with pytest.raises(SettingError, match=says):
        MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(str), **options)


def test_greedy_candidates_are_refused():
    with pytest.raises(SettingError, match="are all the same"):
        MetaAlignerRunnable(
            objectives=["fair"], llm=AlignerLLM(), gate=RewardGate(Length()), candidates=2
        )


def test_weights_that_do_not_fit_are_told():
    gate = RewardGate(Length(), weights={"lenght": 1.0})
    with pytest.raises(SettingError, match="Did you mean 'length'"):
        make(lambda prompt: "So.", gate).align(*PAIRS[0])
    with pytest.raises(SettingError, match="without score_all"):
        RewardGate(len)
