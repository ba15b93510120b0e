"""A model is asked for many texts, and gives those that it has made before a deadline.

A model that is called for each prompt is waited for prompt by prompt, so that one that hangs costs
one answer. A text model makes a batch in one call, which is there as a whole or not at all; our own
ones are told the deadline, and tell what they had made by then.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from langchain_metaaligner.edit.deadline import Deadline
from langchain_metaaligner.errors import LateError

GRACE = 0.1
"""Seconds after the deadline in which a model that was told it hands over what it has made."""

THREADS = 32
"""Calls of a model in threads at the same time, where the config does not say."""

Call = Callable[[slice], list[Any]]
AsyncCall = Callable[[slice], Awaitable[list[Any]]]


@dataclass(frozen=True)
class Waiting:
    """How the outputs of a model are waited for.

    Attributes:
        deadline: when they are to be there.
        apart: whether every prompt is a call of its own.
        told: whether the model knows of the deadline.
        at_once: how many calls there may be at the same time.
    """

    deadline: Deadline
    apart: bool
    told: bool
    at_once: int | None

    @property
    def seconds(self) -> float:
        """How long from now on."""
        return (self.deadline.left() or 0.0) + (GRACE if self.told else 0.0)

    def slices(self, number: int) -> list[slice]:
        """The prompts of each call."""
        return [slice(at, at + 1) for at in range(number)] if self.apart else [slice(0, number)]


def in_time(call: Call, number: int, waiting: Waiting) -> list[Any]:
    """What a model gives for each of its prompts; a `LateError` where it takes too long.

    Args:
        call: gives the outputs for a slice of the prompts, and never raises.
        number: how many prompts there are.
        waiting: how they are waited for.
    """
    if waiting.deadline.at is None:
        return call(slice(0, number))
    slices = waiting.slices(number)
    pool = ThreadPoolExecutor(min(len(slices), waiting.at_once or THREADS), "metaaligner-call")
    try:
        started = [pool.submit(contextvars.copy_context().run, call, rows) for rows in slices]
        wait(started, waiting.seconds)
        return [output for row in zip(slices, started, strict=True) for output in _outputs(*row)]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def ain_time(call: AsyncCall, number: int, waiting: Waiting) -> list[Any]:
    """The async twin of `in_time`; calls that are late are cancelled."""
    if waiting.deadline.at is None:
        return await call(slice(0, number))
    slices = waiting.slices(number)
    free = asyncio.Semaphore(waiting.at_once or len(slices))

    async def in_turn(rows: slice) -> list[Any]:
        async with free:
            return await call(rows)

    tasks = [asyncio.ensure_future(in_turn(rows)) for rows in slices]
    try:
        await asyncio.wait(tasks, timeout=waiting.seconds)
        return [output for row in zip(slices, tasks, strict=True) for output in _outputs(*row)]
    finally:
        for task in tasks:
            if not task.done():
                abandon(task)


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for it no longer, nor let asyncio complain of how it ends."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    task.cancel()


def _outputs(rows: slice, call: Future[list[Any]] | asyncio.Future[list[Any]]) -> list[Any]:
    return call.result() if call.done() else [LateError()] * (rows.stop - rows.start)


def until_late(tokens: Iterator[Any], deadline: Deadline) -> Iterator[Any]:
    """The tokens of a stream; at the end what the model raised, or a `LateError`."""
    if deadline.at is None:
        yield from _until_failure(tokens)
        return
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    end, left_alone = object(), threading.Event()

    def read() -> None:
        for token in _until_failure(tokens):
            items.put(token)
            if left_alone.is_set():
                return
        items.put(end)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=[read], name="metaaligner-read", daemon=False).start()
    try:
        while (token := items.get(timeout=deadline.left())) is not end:
            yield token
    except queue.Empty:
        yield LateError()
    finally:
        left_alone.set()


def _until_failure(tokens: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from tokens
    except Exception as error:  # a failing model must not cost the user the draft
        yield error


async def auntil_late(tokens: AsyncIterator[Any], deadline: Deadline) -> AsyncGenerator[Any, None]:
    """The async twin of `until_late`."""
    end = object()

    async def following() -> Any:
        return await anext(tokens, end)

    try:
        while (token := await deadline.awaited(following())) is not end:
            yield token
    except Exception as error:  # as above
        yield error
