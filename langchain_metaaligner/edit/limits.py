"""How long an edit may take (`Deadline`), and how many may be under way (`Places`)."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from langchain_metaaligner.errors import LateError

T = TypeVar("T")


class Deadline:
    """When an answer is to be there, whatever is still under way for it.

    What runs in this thread cannot be ended from outside. So where there is a deadline, it runs in
    a thread of its own, which is left alone once it is late. That thread is no daemon: it may be
    inside torch, and killing it there would abort the process.

    Args:
        seconds: how long from now on; None for as long as it takes.

    Attributes:
        seconds: the same.
        at: the end by `time.monotonic`; None where there is none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.at = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 at least; None where there is no end."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """What a function gives.

        Raises:
            LateError: if it takes too long.
        """
        if self.at is None:
            return function(*args)
        future: Future[T] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                future.set_result(context.run(function, *args))
            except BaseException as error:  # whatever ends this thread, the caller must hear of it
                future.set_exception(error)

        threading.Thread(target=run, name="metaaligner-call", daemon=False).start()
        if wait([future], self.left).not_done:
            raise LateError
        return future.result()

    async def awaited(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives; it is cancelled when it is late, or when this call is.

        Raises:
            LateError: if it takes too long.
        """
        if self.at is None:
            return await coroutine
        task = asyncio.ensure_future(coroutine)
        try:
            done, _ = await asyncio.wait({task}, timeout=self.left)
        except asyncio.CancelledError:
            abandon(task)
            raise
        if not done:
            abandon(task)
            raise LateError
        return task.result()


NEVER = Deadline()


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for it no longer, nor let asyncio complain of how it ends."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    task.cancel()


class Places:
    """How many answers may be under way at the same time.

    Args:
        number: so many; None for any number.
    """

    def __init__(self, number: int | None = None) -> None:
        self._number = number
        # reentrant, and emptied without it: the collector may close an abandoned stream anywhere
        self._lock = threading.RLock()
        self._held: dict[object, None] = {}

    @property
    def under_way(self) -> int:
        """How many there are."""
        return len(self._held)

    @contextmanager
    def taken(self, wanted: int) -> Iterator[int]:
        """Take places for as long as the block lasts; the number of those that there were."""
        with self._lock:
            free = wanted if self._number is None else max(0, self._number - len(self._held))
            held = [object() for _ in range(min(wanted, free))]
            self._held.update(dict.fromkeys(held))
        try:
            yield len(held)
        finally:
            for place in held:
                del self._held[place]
