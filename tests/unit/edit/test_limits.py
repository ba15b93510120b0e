"""An edit that takes too long, and more edits than there are places for: the draft stands."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.places import Places
from langchain_metaaligner.errors import EditRejectedError, LateError, SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nine minutes, obviously."
EDIT = "Nine minutes."
LONG = 20.0
"""Seconds that nothing here waits for."""


class Slow:
    """A function that hangs at prompts with a word in them, until the test is over."""

    def __init__(self, word=""):
        self.word = word
        self.over = threading.Event()

    def __call__(self, prompt):
        if self.word in str(prompt):
            self.over.wait(LONG)
        return EDIT


@pytest.fixture
def slow():
    function = Slow()
    yield function
    function.over.set()


class Chat(BaseChatModel):
    """A chat model that is a function."""

    function: object

    @property
    def _llm_type(self):
        return "function"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = self.function(messages[-1].content)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _stream(self, messages, *args, **kwargs) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(self.function(messages[-1].content)))


EDITORS = {
    "text": FakeAlignerLLM,
    "chat": lambda function: Chat(function=function),
    "function": RunnableLambda,
    "chat with retries": lambda function: Chat(function=function).with_retry(),
}


def make(function, editor="text", **options):
    return MetaAlignerRunnable(
        **{"objectives": ["fair"], "llm": EDITORS[editor](function), "template": "imhi", **options}
    )


def value(question="How long?"):
    return {"question": question, "answer": AIMessage(DRAFT)}


def invoke(aligner):
    return aligner.invoke(value())["answer"]


def batch(aligner):
    return aligner.batch([value()])[0]["answer"]


def stream(aligner):
    total = None
    for chunk in aligner.stream(value()):
        total = chunk if total is None else total + chunk
    return total["answer"]


async def ainvoke(aligner):
    return (await aligner.ainvoke(value()))["answer"]


async def abatch(aligner):
    return (await aligner.abatch([value()]))[0]["answer"]


async def astream(aligner):
    total = None
    async for chunk in aligner.astream(value()):
        total = chunk if total is None else total + chunk
    return total["answer"]


CALLS = [invoke, batch, stream, ainvoke, abatch, astream]


async def answered(call, aligner):
    """The answer of a call, sync or async, and how long it took."""
    started = time.perf_counter()
    answer = call(aligner)
    if asyncio.iscoroutine(answer):
        answer = await answer
    return answer, time.perf_counter() - started


def record(answer):
    return answer.response_metadata["metaaligner"]


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("call", CALLS)
async def test_the_draft_stands_when_the_time_is_over(call, editor, slow):
    answer, seconds = await answered(call, make(slow, editor, timeout=0.1))
    slow.over.set()  # before the loop of this test waits for its threads
    assert (answer.content, record(answer)["decision"]) == (DRAFT, "kept")
    assert record(answer)["reason"] == "timeout"
    assert seconds < LONG / 2


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("editor", EDITORS)
async def test_an_edit_that_is_there_in_time_stands(call, editor):
    answer, _ = await answered(call, make(lambda prompt: EDIT, editor, timeout=LONG))
    assert (answer.content, record(answer)["decision"]) == (EDIT, "edited")


@pytest.mark.parametrize("call", [stream, astream])
async def test_a_live_stream_of_which_nothing_came_gives_the_draft(call, slow):
    answer, _ = await answered(call, make(slow, streaming="live", timeout=0.1))
    slow.over.set()
    assert (answer.content, record(answer)["reason"]) == (DRAFT, "timeout")


class HalfWay(FakeAlignerLLM):
    """Streams a word, and hangs."""

    over: threading.Event
    closed: threading.Event

    def _stream(self, prompt, *args, **kwargs):
        try:
            for chunk in super()._stream(prompt):
                yield chunk
                self.over.wait(LONG)
        finally:
            self.closed.set()

    async def _astream(self, prompt, *args, **kwargs):
        try:
            for chunk in super()._stream(prompt):
                yield chunk
                await asyncio.sleep(LONG)
        finally:
            self.closed.set()


@pytest.mark.parametrize("call", [stream, astream])
async def test_a_live_stream_that_is_late_half_way_says_so_and_is_left(call):
    llm = HalfWay(lambda prompt: EDIT, over=threading.Event(), closed=threading.Event())
    aligner = MetaAlignerRunnable(objectives=["fair"], llm=llm, streaming="live", timeout=0.2)
    with pytest.raises(EditRejectedError) as raised:
        await answered(call, aligner)
    assert raised.value.alignment.reason == "timeout"
    assert raised.value.alignment.original == DRAFT
    llm.over.set()
    assert await asyncio.to_thread(llm.closed.wait, LONG)


@pytest.mark.parametrize("editor", ["chat", "function", "chat with retries"])
async def test_one_prompt_that_hangs_costs_one_answer(editor):
    slow = Slow("Which?")
    aligner = make(slow, editor, timeout=0.5)
    values = [value(q) for q in ("How?", "Which?", "Who?")]
    try:
        for answers in (aligner.batch(values), await aligner.abatch(values)):
            assert [record(v["answer"])["reason"] for v in answers] == [None, "timeout", None]
    finally:
        slow.over.set()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["check", "async check", "gate"])
async def test_a_check_or_a_gate_that_hangs_is_late(call, kind, slow):
    async def asleep(draft, edit):
        await asyncio.sleep(LONG)

    class Scorer:
        def score_all(self, pairs):
            return slow(pairs)

    options = {
        "check": {"checks": [lambda draft, edit: slow(edit)]},
        "async check": {"checks": [asleep]},
        "gate": {"gate": RewardGate(Scorer())},
    }[kind]
    if kind == "async check" and not asyncio.iscoroutinefunction(call):
        return  # its thread would hold up the end of the tests
    answer, seconds = await answered(call, make(lambda prompt: EDIT, timeout=0.3, **options))
    slow.over.set()
    assert (answer.content, record(answer)["reason"]) == (DRAFT, "timeout")
    assert record(answer)["rejected"] == EDIT
    assert seconds < LONG / 2


class HangingTokenizer(FakeAlignerLLM):
    """As weights that are read for the first time."""

    context: int | None = 1000

    def get_num_tokens(self, text):
        self.function(text)
        return 1


async def test_reading_the_weights_counts_and_the_next_call_has_them(slow):
    aligner = MetaAlignerRunnable(objectives=["fair"], llm=HangingTokenizer(slow), timeout=0.2)
    for call in CALLS:
        answer, seconds = await answered(call, aligner)
        assert (record(answer)["reason"], answer.content) == ("timeout", DRAFT)
        assert seconds < LONG / 2
    slow.over.set()
    assert invoke(aligner).content == EDIT


def test_raise_under_a_timeout(slow):
    with pytest.raises(EditRejectedError) as raised:
        invoke(make(slow, timeout=0.1, on_failure="raise"))
    assert raised.value.alignment.reason == "timeout"
    assert raised.value.retryable


class Events(BaseCallbackHandler):
    def __init__(self):
        self.parents = []

    def on_llm_start(self, serialized, prompts, *, parent_run_id=None, **kwargs):
        self.parents.append(parent_run_id)


def test_the_model_runs_below_the_aligner_under_a_timeout_too():
    heard = Events()
    chain = FakeListChatModel(responses=[DRAFT]) | make(lambda prompt: EDIT, timeout=LONG)
    assert chain.invoke("How long?", {"callbacks": [heard]}).content == EDIT
    assert heard.parents
    assert all(heard.parents)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "5", True, [1]])
def test_a_timeout_is_a_positive_number(bad):
    with pytest.raises(SettingError, match="timeout"):
        make(str, timeout=bad)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "5", True])
def test_max_waiting_is_a_count(bad):
    with pytest.raises(SettingError, match="max_waiting"):
        make(str, max_waiting=bad)


class TestMaxWaiting:
    """Places: as many answers under way as there are."""

    @pytest.mark.parametrize("call", CALLS)
    async def test_beyond_it_the_draft_stands_at_once(self, call, slow):
        aligner = make(slow, max_waiting=1)
        first = asyncio.create_task(aligner.ainvoke(value()))
        while aligner.options.places.under_way < 1:
            await asyncio.sleep(0.01)
        answer, seconds = await answered(call, aligner)
        assert (answer.content, record(answer)["reason"]) == (DRAFT, "busy")
        assert seconds < LONG / 2
        slow.over.set()
        assert (await first)["answer"].content == EDIT
        answer, _ = await answered(call, aligner)
        assert answer.content == EDIT

    @pytest.mark.parametrize("call", [stream, astream])
    async def test_of_a_live_stream(self, call, slow):
        aligner = make(slow, max_waiting=1, streaming="live")
        first = asyncio.create_task(aligner.ainvoke(value()))
        while aligner.options.places.under_way < 1:
            await asyncio.sleep(0.01)
        answer, _ = await answered(call, aligner)
        assert (answer.content, record(answer)["reason"]) == (DRAFT, "busy")
        slow.over.set()
        await first
        assert aligner.options.places.under_way == 0

    def test_of_a_batch_as_many_as_there_are_places(self):
        answers = make(lambda prompt: EDIT, max_waiting=2).batch([value()] * 5)
        reasons = [record(v["answer"])["reason"] for v in answers]
        assert reasons == [None, None, "busy", "busy", "busy"]

    async def test_an_abandoned_call_gives_its_place_back(self, slow):
        aligner = make(slow, "chat", max_waiting=1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aligner.ainvoke(value()), 0.1)
        slow.over.set()
        assert aligner.options.places.under_way == 0

    async def test_an_abandoned_stream_gives_its_place_back(self):
        aligner = make(lambda prompt: EDIT, max_waiting=1, streaming="live")
        chunks = aligner.astream(value())
        await anext(chunks)
        await chunks.aclose()
        chunks = aligner.stream(value())
        next(chunks)
        chunks.close()
        assert aligner.options.places.under_way == 0

    def test_a_failure_gives_its_place_back(self):
        aligner = make(lambda prompt: 1 / 0, max_waiting=1, on_failure="raise")
        for _ in range(3):
            with pytest.raises(EditRejectedError) as raised:
                invoke(aligner)
            assert raised.value.alignment.reason == "error"

    def test_answers_that_are_none_to_edit_take_no_place(self):
        places = Places(0)
        with places.taken(0) as number:
            assert number == 0
        calls = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
        answers = make(lambda prompt: EDIT, max_waiting=1).batch([[calls], [calls], [calls]])
        assert [record(a[-1])["reason"] for a in answers] == ["tool_calls"] * 3


def fails(prompt):
    raise RuntimeError("CUDA error: device-side assert")


class TestWarmUp:
    """The model is there before the first request."""

    async def test_it_runs_one_edit_whatever_the_limits_are(self):
        function = Slow("no such word")
        for warm in (lambda a: a.warm_up(), lambda a: a.awarm_up()):
            aligner = make(function, timeout=0.000001)
            done = warm(aligner)
            assert (await done if asyncio.iscoroutine(done) else done).text == EDIT
            assert len(aligner.llm.calls) == 1

    async def test_a_model_that_fails_says_so(self):
        for on_failure in ("original", "raise", "refuse"):
            with pytest.raises(RuntimeError, match="device-side"):
                make(fails, on_failure=on_failure).warm_up()
            with pytest.raises(RuntimeError, match="device-side"):
                await make(fails, on_failure=on_failure).awarm_up()


class Partly(FakeAlignerLLM):
    """Has made the first of its prompts when its time is over, as a checkpoint's decoding may."""

    def _generate(self, prompts, stop=None, run_manager=None, deadline=None, **kwargs):
        if deadline is None:
            return super()._generate(prompts)
        assert deadline > time.monotonic()
        first = self._generation(prompts[0])
        raise LateError([(prompts[0], first), *((prompt, None) for prompt in prompts[1:])])


async def test_what_a_batch_had_made_in_time_stands():
    aligner = MetaAlignerRunnable(
        objectives=["fair"], llm=Partly(lambda prompt: EDIT), timeout=LONG
    )
    pairs = [("How long?", DRAFT), ("How?", DRAFT), ("Who?", DRAFT)]
    for records in (aligner.align_batch(pairs), await aligner.aalign_batch(pairs)):
        assert [record.reason for record in records] == [None, "timeout", "timeout"]
        assert [record.text for record in records] == [EDIT, DRAFT, DRAFT]


def test_what_the_cache_has_is_not_late():
    llm = Partly(lambda prompt: EDIT, cache=InMemoryCache())
    warm = MetaAlignerRunnable(objectives=["fair"], llm=llm)
    warm.align("How?", DRAFT)
    records = warm.model_copy(update={"timeout": LONG}).align_batch(
        [("How long?", DRAFT), ("How?", DRAFT), ("Who?", DRAFT)]
    )
    assert [record.reason for record in records] == [None, None, "timeout"]
