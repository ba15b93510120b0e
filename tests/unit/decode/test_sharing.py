"""Calls that come at the same time share forward passes, and nothing else."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_metaaligner.decode.answer import Answer, Decoding
from langchain_metaaligner.decode.lookup import LookupLoop
from langchain_metaaligner.decode.scheduler import scheduler_for
from langchain_metaaligner.decode.sharing import Request, SharedBatches, batches_of
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
def passes(llm, monkeypatch):
    """Rows of every step."""
    rows, step = [], LookupLoop.step

    def watched(self):
        rows.append(len(self.answers))
        return step(self)

    monkeypatch.setattr(LookupLoop, "step", watched)
    return rows


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
    held = llm._loaded()
    poison = held.encode([prompts[4]])[0]
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


def test_a_full_queue_pushes_back(llm, prompts, expected, monkeypatch):
    held, decoding = llm._loaded(), llm._decoding(None, {})
    gate = threading.Event()
    forward = held.model.forward

    def held_up(*given, **named):
        gate.wait(10)
        return forward(*given, **named)

    monkeypatch.setattr(held.model, "forward", held_up)
    batches = SharedBatches(lambda: scheduler_for(held, decoding), queue=2)
    requests = [Request([Answer(prompt, held, decoding)]) for prompt in prompts]
    let_in = []

    def hand_in():
        for request in requests:
            batches.submit(request)
            let_in.append(request)

    thread = threading.Thread(target=hand_in)
    thread.start()
    thread.join(0.3)
    assert len(let_in) == 2
    gate.set()
    thread.join(20)
    for request in requests:
        request.result()
    assert [request.answers[0].completion().text for request in requests] == expected


def test_other_options_do_not_mix(llm, prompts):
    held = llm._loaded()
    greedy, sampled = Decoding(9), Decoding(9, options={"do_sample": True})
    assert batches_of(held, greedy) is batches_of(held, Decoding(20, stop=("x",)))
    assert batches_of(held, greedy) is not batches_of(held, sampled)


def test_a_defect_in_the_scheduler_reaches_the_callers(llm, prompts, monkeypatch):
    held, decoding = llm._loaded(), llm._decoding(None, {})

    class Defect:
        def put(self, answers):
            pass

        def turn(self):
            raise ZeroDivisionError("a defect")

    batches = SharedBatches(Defect)
    with pytest.raises(ZeroDivisionError):
        batches.submit(Request([Answer(prompts[0], held, decoding)])).result()


def test_the_thread_ends_with_the_work(llm, prompts):
    llm.invoke(prompts[0])
    for thread in threading.enumerate():
        if thread.name == "metaaligner-decode":
            thread.join(5)
            assert not thread.is_alive()
