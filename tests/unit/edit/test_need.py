"""Whether an answer needs an edit: `when=`."""

import asyncio

import pytest

from langchain_metaaligner import MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.edit.need import LongerThan, ScoredBelow
from langchain_metaaligner.errors import EditRejectedError, SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nobody likes you. Nine minutes."
EDIT = "Nine minutes."


def make(when, **options):
    editor = FakeAlignerLLM(lambda prompt: EDIT)
    return MetaAlignerRunnable(
        **{"objectives": ["fair"], "llm": editor, "template": "imhi", "when": when, **options}
    )


async def later(question, draft):
    await asyncio.sleep(0)
    return "Nobody" in draft


PREDICATES = {
    "by place": lambda q, d: "Nobody" in d and "?" in q,
    "by name": lambda draft, question: "Nobody" in draft and "?" in question,
    "the draft alone": lambda draft: "Nobody" in draft,
    "with context": lambda question, draft, context: "Nobody" in draft and context == ("c",),
    "async": later,
    "with a default": lambda question, draft, word="Nobody": word in draft,
}


@pytest.mark.parametrize("streaming", ["checked", "live"])
@pytest.mark.parametrize("name", PREDICATES)
async def test_only_what_needs_it_is_edited(name, streaming):
    aligner = make(PREDICATES[name], streaming=streaming)

    def value(draft):
        return {"question": "How?", "context": ["c"], "answer": draft}

    async def answers(draft):
        yield aligner.invoke(value(draft))["answer"]
        yield aligner.batch([value(draft)] * 2)[1]["answer"]
        yield "".join(c.get("answer", "") for c in aligner.stream(value(draft)))
        yield (await aligner.ainvoke(value(draft)))["answer"]
        yield (await aligner.abatch([value(draft)]))[0]["answer"]
        yield "".join([c.get("answer", "") async for c in aligner.astream(value(draft))])

    assert [answer async for answer in answers(DRAFT)] == [EDIT] * 6
    assert len(aligner.llm.calls) == 6
    assert [answer async for answer in answers("Nine.")] == ["Nine."] * 6
    assert len(aligner.llm.calls) == 6


@pytest.mark.parametrize("on_failure", ["original", "raise"])
def test_what_needs_no_edit_is_no_failure(on_failure):
    alignment = make(lambda q, d: False, on_failure=on_failure).align("How?", DRAFT)
    assert (alignment.decision, alignment.reason) == ("kept", "not_needed")


@pytest.mark.parametrize("bad", [lambda q, d: 1 / 0, lambda q, d: "yes", lambda q, d: None])
async def test_a_predicate_that_fails_leaves_the_draft(bad):
    for alignment in (make(bad).align("How?", DRAFT), await make(bad).aalign("How?", DRAFT)):
        assert (alignment.text, alignment.reason) == (DRAFT, "error")
    with pytest.raises(EditRejectedError):
        make(bad, on_failure="raise").align("How?", DRAFT)


async def test_one_that_hangs_is_late():
    async def hangs(question, draft):
        await asyncio.sleep(20)

    assert (await make(hangs, timeout=0.1).aalign("How?", DRAFT)).reason == "timeout"


class Scorer:
    def __init__(self):
        self.asked = []

    def score_all(self, pairs):
        self.asked += pairs
        return [{"polite": 0.1 if "Nobody" in answer else 0.9} for _, answer in pairs]


class AsyncScorer(Scorer):
    async def score_all(self, pairs):
        return super().score_all(pairs)


@pytest.mark.parametrize("kind", [Scorer, AsyncScorer])
async def test_a_reward_model_is_asked(kind):
    scorer = kind()
    aligner = make(ScoredBelow(scorer, {"polite": 0.5}, longer_than=1))
    assert aligner.align("How?", DRAFT).text == EDIT
    assert (await aligner.aalign("How?", "Nine minutes, I think.")).reason == "not_needed"
    assert aligner.align("How?", "Nobody.").reason == "not_needed"
    assert scorer.asked == [("How?", DRAFT), ("How?", "Nine minutes, I think.")]


def test_an_objective_that_is_not_scored_is_the_callers_mistake():
    with pytest.raises(SettingError, match="Did you mean 'polite'"):
        make(ScoredBelow(Scorer(), {"pollite": 0.5})).align("How?", DRAFT)


def test_short_answers_can_be_skipped():
    assert make(LongerThan(5)).align("How?", DRAFT).reason == "not_needed"
    assert make(LongerThan(4)).align("How?", DRAFT).decision == "edited"


@pytest.mark.parametrize(
    "options",
    [
        {"when": "yes"},
        {"when": lambda: True},
        {"when": lambda a, b, c: True},
        {"when": lambda q, d: True, "on_failure": "refuse"},
    ],
)
def test_what_cannot_work_is_one_sentence_at_construction(options):
    for face in (MetaAlignerRunnable, MetaAlignerMiddleware):
        with pytest.raises(SettingError, match="when"):
            face(objectives=["fair"], llm=FakeAlignerLLM(str), **options)


@pytest.mark.parametrize("words", [0, -1, True, 2.5, "3"])
def test_longer_than_takes_a_count(words):
    with pytest.raises(SettingError, match="LongerThan"):
        LongerThan(words)


def test_scored_below_takes_a_scorer_and_a_least_score():
    with pytest.raises(SettingError, match="score_all"):
        ScoredBelow(object(), {"polite": 1})
    with pytest.raises(SettingError, match="least"):
        ScoredBelow(Scorer(), {})
