"""The event loop is free while checks and gates work, and async ones are awaited on it."""

import asyncio
import contextvars
import time

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.loop import Here, finished
from langchain_metaaligner.testing import FakeAlignerLLM

SLOW = 0.4
PAIR = {"question": "Why?", "answer": AIMessage("Because.")}


def slow_check(draft, edit):
    time.sleep(SLOW)


class SlowScorer:
    def score_all(self, pairs):
        time.sleep(SLOW)
        return [{"length": float(len(answer))} for _, answer in pairs]


class SlowTokenizer(FakeAlignerLLM):
    context: int | None = 1000

    def get_num_tokens(self, text):
        time.sleep(SLOW / 2)
        return 1


OPTIONS = {
    "check": {"checks": [slow_check]},
    "gate": {"gate": RewardGate(SlowScorer())},
    "tokenizer": {"llm": SlowTokenizer(lambda prompt: "A better answer.")},
    "other model": {"llm": FakeListLLM(responses=["A better answer."], sleep=SLOW)},
}


def make(**options):
    editor = FakeAlignerLLM(lambda prompt: "A better answer.")
    return MetaAlignerRunnable(**{"objectives": ["fair"], "llm": editor, **options})


async def ainvoke(aligner):
    return (await aligner.ainvoke(PAIR))["answer"].content


async def abatch(aligner):
    return (await aligner.abatch([PAIR]))[0]["answer"].content


async def astream(aligner):
    return "".join([c["answer"].content async for c in aligner.astream(PAIR) if "answer" in c])


async def aalign(aligner):
    return (await aligner.aalign("Why?", "Because.")).text


async def longest_stall(work):
    """The longest time for which the loop did not come round, and what the work gave."""
    longest, last = 0.0, time.perf_counter()

    async def tick():
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.02)
    result = await work
    await asyncio.sleep(0.02)
    ticking.cancel()
    return longest, result


@pytest.mark.parametrize("call", [ainvoke, abatch, astream, aalign])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
async def test_the_loop_is_free(options, call):
    aligner = make(**options)
    await call(make())  # imports and threads are there
    stall, text = await longest_stall(call(aligner))
    assert text == "A better answer."
    assert stall < SLOW * 0.75


async def test_the_loop_is_free_at_the_end_of_a_live_stream():
    aligner = make(streaming="live", checks=[slow_check])
    stall, text = await longest_stall(astream(aligner))
    assert text == "A better answer."
    assert stall < SLOW * 0.75


class AsyncCheck:
    """Refuses answers that are too long, on the loop that calls it."""

    def __init__(self):
        self.loops = []

    async def __call__(self, draft, edit):
        await asyncio.sleep(0)
        self.loops.append(asyncio.get_running_loop())
        return "too_long_for_us" if len(edit) > len(draft) else None


async def test_async_checks_are_awaited_on_the_callers_loop():
    check = AsyncCheck()
    aligner = make(checks=[check.__call__])
    for call in (ainvoke, abatch, astream, aalign):
        assert await call(aligner) == "Because."
    assert check.loops == [asyncio.get_running_loop()] * 4


@pytest.mark.parametrize("kind", ["method", "object"])
def test_async_checks_in_sync_code(kind):
    check = AsyncCheck()
    aligner = make(checks=[check.__call__ if kind == "method" else check])
    alignment = aligner.align("Why?", "Because.")
    assert (alignment.reason, alignment.text) == ("too_long_for_us", "Because.")
    assert aligner.invoke(PAIR)["answer"].content == "Because."
    assert "".join(c["answer"].content for c in aligner.stream(PAIR) if "answer" in c) == "Because."


async def test_async_checks_in_sync_code_below_a_running_loop():
    assert make(checks=[AsyncCheck()]).align("Why?", "Because.").reason == "too_long_for_us"


async def test_async_checks_of_a_batch_run_side_by_side():
    async def check(draft, edit):
        await asyncio.sleep(0.2)

    started = time.perf_counter()
    await make(checks=[check]).aalign_batch([("Why?", "Because.")] * 20)
    assert time.perf_counter() - started < 2


async def test_a_check_sees_the_context_variables_of_its_caller():
    user = contextvars.ContextVar("user", default="nobody")
    seen = []
    user.set("ann")

    def check(draft, edit):
        seen.append(user.get())

    await make(checks=[check]).aalign("Why?", "Because.")
    make(checks=[check]).align("Why?", "Because.")
    assert seen == ["ann", "ann"]


async def test_async_scorers():
    class Scorer:
        async def score_all(self, pairs):
            await asyncio.sleep(0)
            return [{"length": float(len(answer))} for _, answer in pairs]

    aligner = make(gate=RewardGate(Scorer()))
    assert (await aligner.aalign("Why?", "Because.")).decision == "edited"
    assert make(gate=RewardGate(Scorer())).align("Why?", "A much longer draft.").reason == "no_gain"


async def test_a_cancelled_call_ends_its_check():
    ended = asyncio.Event()

    async def check(draft, edit):
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(make(checks=[check]).aalign("Why?", "Because."), 0.3)
    await asyncio.wait_for(ended.wait(), 5)


def test_sync_code_never_waits():
    async def waits():
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited for an event loop"):
        finished(waits())
    assert finished(Here.each([])) == []
