"""Calls with a limit of time: whatever a function does, its caller goes on."""

import asyncio
import contextvars
import subprocess
import sys
import time

import pytest

from langchain_metaaligner.edit.limit import TimeLimitError, acall_within, call_within

NAME = contextvars.ContextVar("name")


async def later(value):
    await asyncio.sleep(0)
    return value


def here(seconds, function):
    return call_within(seconds, function)


def on_a_loop(seconds, function):
    return asyncio.run(acall_within(seconds, function))


either = pytest.mark.parametrize("call", [here, on_a_loop])


@either
def test_what_a_function_gives(call):
    NAME.set("ada")
    assert call(5, NAME.get) == "ada"
    assert call(5, lambda: later(7)) == 7

    async def name():
        return NAME.get()

    assert call(5, name) == "ada"


@either
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no"), ValueError),
        (TimeoutError("its own"), TimeoutError),
        (StopIteration(3), RuntimeError),
    ],
)
def test_what_a_function_raises(call, error, expected):
    def fail():
        raise error

    with pytest.raises(expected):
        call(5, fail)


@either
@pytest.mark.parametrize(
    "function", [lambda: time.sleep(20), lambda: asyncio.sleep(20)], ids=["sync", "async"]
)
def test_a_function_that_takes_longer(call, function):
    started = time.monotonic()
    with pytest.raises(TimeLimitError):
        call(0.05, function)
    assert time.monotonic() - started < 10


async def test_a_caller_that_is_cancelled_cancels_what_it_waits_for():
    ended = asyncio.Event()

    async def wait():
        try:
            await asyncio.sleep(20)
        finally:
            ended.set()

    task = asyncio.create_task(acall_within(20, wait))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait_for(ended.wait(), 5)


def test_the_process_ends_beside_a_call_that_hangs():
    code = """
import time
from langchain_metaaligner.edit import limit
limit.AT_EXIT = 0.2
try:
    limit.call_within(0.05, lambda: time.sleep(60))
except limit.TimeLimitError:
    print("late")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("late\n", "")
