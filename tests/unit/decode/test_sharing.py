"""Calls that come at the same time share forward passes, and nothing else."""

import asyncio
import inspect
import linecache
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress

import pytest

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.prefixes import Prefixes
from langchain_metaaligner.decode.row import Claim, Decoding, Row
from langchain_metaaligner.decode.scheduler import Settled, scheduler_for
from langchain_metaaligner.decode.sharing import KINDS, Request, SharedBatches
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.aligner import AlignerLLM


@pytest.fixture
def llm(published):
    return AlignerLLM(model=str(published), device="cpu", max_new_tokens=24, batch_size=8)


@pytest.fixture
def expected(llm, prompts):
    alone = llm.model_copy(update={"share_batches": False, "batch_size": 1})
    return [alone.invoke(prompt) for prompt in prompts]


@pytest.fixture
def passes(llm):
    """Rows of every packed pass."""
    rows = []

    def count(module, args, named):
        rows.append(sum(span.real.shape[0] for span in named["spans"]))

    handle = llm.checkpoint.model.register_forward_pre_hook(count, with_kwargs=True)
    yield rows
    handle.remove()


@pytest.mark.parametrize("decoding", ["lookup", "greedy"])
def test_threads_share_and_get_their_own(llm, prompts, expected, decoding):
    llm.decoding = decoding
    many = list(range(len(prompts))) * 12
    with ThreadPoolExecutor(24) as pool:
        made = list(pool.map(lambda at: llm.invoke(prompts[at]), many))
    assert made == [expected[at] for at in many]


async def test_gathered_calls_share_their_passes(llm, prompts, expected, passes):
    made = await asyncio.gather(*(llm.ainvoke(prompt) for prompt in prompts * 8))
    assert made == expected * 8
    assert max(passes) == 8
    assert len(passes) < sum(passes) / 3


async def test_identical_texts_are_answered_each(llm, prompts, expected):
    made = await asyncio.gather(*(llm.ainvoke(prompts[0]) for _ in range(60)))
    assert made == [expected[0]] * 60


async def test_streams_share_as_well(llm, prompts, expected, passes):
    async def read(prompt):
        return "".join([piece async for piece in llm.astream(prompt)])

    assert await asyncio.gather(*map(read, prompts)) == expected
    assert max(passes) > 1


def test_one_caller_alone_is_decoded_alone(llm, prompts, passes):
    llm.invoke(prompts[0])
    assert set(passes) == {1}


def test_switched_off_calls_do_not_share(llm, prompts, expected, passes):
    llm.share_batches = False
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(llm.invoke, prompts)) == expected
    assert set(passes) == {1}


async def test_a_wrong_call_fails_alone(llm, prompts, expected):
    calls = [llm.ainvoke(prompt) for prompt in prompts]
    wrong = llm.ainvoke("seven " * 400)
    *made, error = await asyncio.gather(*calls, wrong, return_exceptions=True)
    assert made == expected
    assert isinstance(error, SettingError)


async def test_a_failing_row_fails_its_caller_alone(llm, prompts, expected, monkeypatch):
    held = llm.checkpoint
    poison = held.encode([prompts[4]])[0]
    monkeypatch.setattr(held, "prefixes", Prefixes(most=0))  # the whole prompt tells which it is
    forward = held.model.forward

    def picky(input_ids, **named):
        if f"{poison}"[1:-1] in f"{input_ids.tolist()}":
            raise RuntimeError("this row breaks the model")
        return forward(input_ids=input_ids, **named)

    monkeypatch.setattr(held.model, "forward", picky)
    made = await asyncio.gather(*map(llm.ainvoke, prompts), return_exceptions=True)
    assert isinstance(made[4], RuntimeError)
    assert [*made[:4], *made[5:]] == [*expected[:4], *expected[5:]]


async def test_a_cancelled_call_leaves_the_others(llm, prompts, expected):
    tasks = [asyncio.create_task(llm.ainvoke(prompt)) for prompt in prompts]
    await asyncio.sleep(0)
    tasks[2].cancel()
    made = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(made[2], asyncio.CancelledError)
    assert [*made[:2], *made[3:]] == [*expected[:2], *expected[3:]]


async def test_a_call_that_times_out_leaves_the_others(llm, prompts, expected):
    async def hurried(prompt):
        await asyncio.wait_for(llm.ainvoke(prompt), 1e-4)

    made = await asyncio.gather(
        *map(hurried, prompts), *map(llm.ainvoke, prompts), return_exceptions=True
    )
    assert any(isinstance(one, asyncio.TimeoutError) for one in made)
    assert made[len(prompts) :] == expected


def test_other_options_do_not_mix(llm):
    held = llm.checkpoint
    greedy, sampled = Decoding(9), Decoding(9, options={"do_sample": True})
    assert held.shared.of(held, greedy) is held.shared.of(held, Decoding(20, stop=("x",)))
    assert held.shared.of(held, greedy) is not held.shared.of(held, sampled)


def test_a_temperature_for_each_request_leaves_little_behind(llm, prompts):
    llm.generation = {"do_sample": True}
    for step in range(KINDS + 4):
        assert llm.invoke(prompts[0], temperature=0.5 + step / 100, max_new_tokens=1) is not None
    assert len(llm.checkpoint.shared) <= KINDS


@pytest.mark.parametrize(
    "options",
    [
        {"bad_words_ids": [[5], [6, 7]]},
        {"suppress_tokens": [5]},
        {"sequence_bias": [[[5], -5.0]]},
        {"sequence_bias": {(5,): -5.0}},
        {"num_beams": 2},
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_options_whose_values_are_lists_or_mappings_work(llm, prompts, options, shared):
    llm.generation, llm.share_batches = options, shared
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(llm.batch, prompts[:3]).result(60)


class Broken:
    """A scheduler that fails at one of its steps, once."""

    def __init__(self, inner, step, broken):
        self.inner, self.step, self.broken = inner, step, broken

    def __getattr__(self, name):
        if name == self.step and self.broken:
            raise self.broken.pop()
        return getattr(self.inner, name)


@pytest.mark.parametrize("step", ["put", "turn", "rows", "drop", "made"])
@pytest.mark.parametrize("kind", [ZeroDivisionError, MemoryError, SystemExit])
def test_whatever_fails_ends_the_calls_under_way_and_no_later_one(llm, prompts, step, kind):
    held, decoding = llm.checkpoint, Decoding(9)
    broken = [kind("a defect")]

    def make():
        if step == "made" and broken:
            raise broken.pop()
        return Broken(scheduler_for(held, decoding), step, broken)

    batches = SharedBatches(make)
    first = [Request([Row(prompt, held, decoding)]) for prompt in prompts[:3]]
    if step == "drop":
        first[0].claim.cancel()
    for request in first:
        batches.submit(request)
    ended = [request.done.exception(20) for request in first]
    assert not broken
    assert any(isinstance(error, kind | RuntimeError) for error in ended)
    later = batches.submit(Request([Row(prompts[4], held, decoding)]))
    later.done.result(20)
    assert later.rows[0].completion() == complete(held, [prompts[4]], decoding, shared=False)[0]


class Instant:
    """A scheduler that gives every row one token a turn, and is done with it after two."""

    def __init__(self):
        self.rows = []

    def put(self, rows):
        self.rows += rows

    def drop(self, row):
        self.rows.remove(row)

    def turn(self):
        for row in self.rows:
            row.ids.append(5)
        done = [row for row in self.rows if len(row.ids) > 1]
        self.rows = [row for row in self.rows if row not in done]
        return [Settled(row) for row in done]


def test_a_worker_that_dies_at_any_line_leaves_nobody_waiting(llm, prompts):
    """An error is raised at the first, the second, … line that the thread that decodes runs."""
    held, decoding = llm.checkpoint, Decoding(3)
    rows = [Row(prompt, held, decoding) for prompt in prompts[:4]]
    recovery = {"run", "_fail", "struck", "submit"}

    def dies_at(number):
        batches, lines, armed = SharedBatches(Instant), 0, True
        for row in rows:
            row.ids.clear()

        def trace(frame, event, argument):
            nonlocal lines
            code = frame.f_code
            if code.co_filename != inspect.getfile(SharedBatches) or code.co_name in recovery:
                return None
            # Python shows the line of a `with` again before it lets the lock go; no error can come
            # between, but one that is raised from here would.
            locking = linecache.getline(code.co_filename, frame.f_lineno).strip()[:5] == "with "
            if armed and event == "line" and not locking and "_fail" not in code_names(frame):
                lines += 1
                if lines == number:
                    raise ZeroDivisionError("the worker dies here")
            return trace

        requests = [
            Request(rows[:2], claim=Claim(), progress=len_of_ids),
            Request(rows[2:3], claim=Claim()),
        ]
        before = threading.gettrace()
        threading.settrace(trace)
        try:
            for request in requests:
                batches.submit(request)
            requests[1].claim.cancel()
            for request in requests:
                with suppress(ZeroDivisionError, CancelledError):
                    request.done.result(20)
            join_decoders()
            armed = False
            later = batches.submit(Request(rows[3:], claim=Claim()))
            later.done.result(20)
        finally:
            threading.settrace(before)
            join_decoders()
        return lines >= number

    number = 1
    while dies_at(number):
        number += 1
    assert number > 50


def code_names(frame):
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def len_of_ids(row):
    return len(row.ids)


def test_a_reader_that_fails_costs_the_others_nothing(llm, prompts, expected):
    held, decoding = llm.checkpoint, Decoding(24)
    batches = SharedBatches(lambda: scheduler_for(held, decoding))

    def fail(row):
        raise KeyError("the reader's own code")

    rows = [Row(prompt, held, decoding) for prompt in prompts]
    bad = batches.submit(Request(rows[:1], progress=fail))
    good = batches.submit(Request(rows[1:]))
    assert isinstance(bad.done.exception(20), KeyError)
    good.done.result(20)
    assert [row.completion().text for row in good.rows] == expected[1:]


def test_a_thread_that_cannot_be_started_is_the_callers_error(llm, prompts, monkeypatch):
    held, decoding = llm.checkpoint, Decoding(9)
    batches = SharedBatches(lambda: scheduler_for(held, decoding))
    with monkeypatch.context() as patched:

        def refuse(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")

        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            batches.submit(Request([Row(prompts[0], held, decoding)]))
    batches.submit(Request([Row(prompts[0], held, decoding)])).done.result(20)


class Gate:
    """Forward passes that wait until they are let through."""

    def __init__(self, model):
        self.open, self.seen = threading.Event(), threading.Event()
        self.passes = 0
        self.handle = model.register_forward_pre_hook(self.wait)

    def wait(self, module, args):
        self.seen.set()
        self.open.wait(20)
        self.passes += 1


@pytest.fixture
def gate(llm):
    gate = Gate(llm.checkpoint.model)
    yield gate
    gate.open.set()
    gate.handle.remove()


async def test_waiting_calls_hold_no_thread(llm, prompts, expected, gate):
    """The loop's executor has few threads; other code needs them while edits are made."""
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(2)
    loop.set_default_executor(pool)
    calls = [asyncio.create_task(llm.ainvoke(prompt)) for prompt in prompts * 3]
    await asyncio.sleep(0.2)
    assert await asyncio.wait_for(loop.run_in_executor(None, lambda: "free"), 5) == "free"
    gate.open.set()
    assert await asyncio.gather(*calls) == expected * 3


async def test_cancelled_calls_are_not_decoded(llm, prompts, gate):
    """Whether they wait for their tokens, for their turn, or are being decoded."""
    running = asyncio.create_task(llm.ainvoke(prompts[0]))
    await asyncio.to_thread(gate.seen.wait, 20)
    waiting = [asyncio.create_task(llm.ainvoke(prompt)) for prompt in prompts[1:7]]
    early = [asyncio.create_task(llm.ainvoke(prompt)) for prompt in prompts[7:]]
    await asyncio.sleep(0)
    for task in early:
        task.cancel()
    await asyncio.sleep(0.2)
    for task in (running, *waiting):
        task.cancel()
    ended = await asyncio.gather(running, *waiting, *early, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended)
    gate.open.set()
    await asyncio.to_thread(join_decoders)
    assert gate.passes == 1


def join_decoders():
    for thread in threading.enumerate():
        if thread.name.startswith("metaaligner-"):
            thread.join(20)
            assert not thread.is_alive()


def test_a_large_request_is_not_starved_by_small_ones(llm, prompts):
    """Single calls keep coming until the large request is done."""
    done, asked = threading.Event(), []

    def traffic():
        while not done.is_set() and len(asked) < 5_000:
            asked.append(llm.invoke(prompts[len(asked) % 13]))

    with ThreadPoolExecutor(5) as pool:
        busy = [pool.submit(traffic) for _ in range(4)]
        while not asked:
            time.sleep(0.001)
        large = pool.submit(llm.batch, prompts * 20)
        assert len(large.result(60)) == 260
        done.set()
        assert len(asked) < 5_000
        for one in busy:
            one.result(60)


def test_the_thread_ends_with_the_work(llm, prompts):
    llm.invoke(prompts[0])
    join_decoders()
