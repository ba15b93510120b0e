"""The gate: what a reward model does not find better does not stand."""

import itertools
import json

import pytest
import torch

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
    torch.manual_seed(1)  # of four samples that it left to chance, all are the same at times
    scorer = Length()
    aligner = MetaAlignerRunnable(
        objectives=["harmless"],
        model_kwargs={
            "device": "cpu",
            "max_new_tokens": 24,
            "generation": {"do_sample": True, "temperature": 2.5},
        },
        gate=RewardGate(scorer, weights={"length": -1.0}, min_gain=-1000.0),
        candidates=4,
    )
    alignment = aligner.align("What is a pump?", "You fool. A pump moves water.")
    (scored,) = scorer.calls
    assert scored[0][1] == alignment.original
    assert len(set(scored)) > 2  # sampled, they differ
    edits = [answer for _, answer in scored[1:]]
    assert alignment.text == min(edits, key=len)
    assert alignment.decision == "edited"


class Scores:
    """Gives each text the score that stands for it."""

    def __init__(self, scores):
        self._scores = scores

    def score_all(self, pairs):
        return [{"score": self._scores[answer]} for _, answer in pairs]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("draft", "edits", "least", "expected"),
    [
        (1.0, {"a": 1.0}, 0.0, ("Because.", "no_gain")),  # higher means higher
        (1.0, {"a": 1.1}, 0.0, ("a", None)),
        (1.0, {"a": 1.5}, 0.5, ("a", None)),
        (1.0, {"a": 1.4}, 0.5, ("Because.", "no_gain")),
        (1.0, {"a": 0.5}, -0.5, ("a", None)),
        (1.0, {"a": 0.4}, -0.5, ("Because.", "no_gain")),
        (1.0, {"a": NAN, "b": 5.0}, 0.0, ("b", None)),  # what is no number loses
        (1.0, {"b": 5.0, "a": NAN}, 0.0, ("b", None)),
        (1.0, {"a": NAN}, 0.0, ("Because.", "no_gain")),
        (1.0, {"a": NAN}, -5.0, ("Because.", "no_gain")),
        (NAN, {"a": 5.0}, 0.0, ("Because.", "no_gain")),
        (-INF, {"a": -INF}, 0.0, ("Because.", "no_gain")),
        (1.0, {"a": INF}, 0.0, ("a", None)),
    ],
)
def test_what_the_gate_lets_through(draft, edits, least, expected):
    replies = iter(edits)
    gate = RewardGate(Scores({"Because.": draft, **edits}), min_gain=least)
    aligner = make(lambda prompt: next(replies), gate, candidates=len(edits))
    alignment = aligner.align(*PAIRS[0])
    assert (alignment.text, alignment.reason) == expected
    json.dumps(alignment.record(), allow_nan=False)


@pytest.mark.parametrize("on_failure", ["original", "raise"])
@pytest.mark.parametrize("least", [0.0, 0.5])
def test_an_unchanged_answer_is_unchanged(on_failure, least):
    scorer = Length()
    gate = RewardGate(scorer, min_gain=least)
    alignment = make(lambda prompt: "Because.", gate, on_failure=on_failure).align(*PAIRS[0])
    assert (alignment.decision, alignment.reason, alignment.scores) == ("unchanged", None, None)
    assert scorer.calls == []


def test_a_draft_among_the_candidates_stands_where_no_other_gains():
    replies = iter(["So.", "Because.", "Hm."])
    gate = RewardGate(Length(), min_gain=0.5)
    aligner = make(lambda prompt: next(replies), gate, candidates=3, on_failure="raise")
    alignment = aligner.align(*PAIRS[0])
    assert (alignment.decision, alignment.text) == ("unchanged", "Because.")
    assert len(alignment.scores["edits"]) == 2


@pytest.mark.parametrize("scored", [[], [{}], [3.0, 4.0], [{"a": 1.0}], None, [{"a": 1.0}] * 3])
def test_a_scorer_that_gives_something_else(scored):
    class Odd:
        def score_all(self, pairs):
            return scored

    alignment = make(lambda prompt: "An edit.", RewardGate(Odd())).align(*PAIRS[0])
    assert (alignment.text, alignment.reason) == ("Because.", "error")
    assert alignment.rejected == "An edit."


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
