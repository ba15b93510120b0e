"""How many answers may be under way, and how long somebody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import Request

from langchain_metaaligner.serve.errors import RequestError

T = TypeVar("T")


class Places:
    """The answers under way, and how many there may be.

    All calls come from the event loop's thread.

    Args:
        most: how many.
        report: is told whenever their number has changed.

    >>> places = Places(2)
    >>> with places.taken(2):
    ...     places.under_way
    2
    >>> places.under_way
    0
    """

    def __init__(self, most: int, report: Callable[[int], object] = int) -> None:
        self.most = most
        self.under_way = 0
        self._report = report

    @contextmanager
    def taken(self, answers: int) -> Iterator[None]:
        """Hold places while the block runs.

        Raises:
            RequestError: 429, if there are not as many free.
        """
        if self.under_way + answers > self.most:
            raise RequestError(
                429,
                f"{self.under_way} answers are under way and {answers} more are asked for; at most "
                f"{self.most} may be. Try again after a pause, or show the draft.",
                "busy",
            )
        self._add(answers)
        try:
            yield
        finally:
            self._add(-answers)

    def _add(self, answers: int) -> None:
        self.under_way += answers
        self._report(self.under_way)


async def while_wanted(request: Request, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of some work, which ends early once its client has gone.

    Args:
        request: whose body has been read.
        work: what to do; it is cancelled when nobody waits for it any more.
        seconds: how long it may take.

    Raises:
        RequestError: 504 after that time; 499 where the client has gone and nobody reads it.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise RequestError(499, "The client has gone.", "client_gone")
        raise took_too_long(seconds)
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


def took_too_long(seconds: float) -> RequestError:
    """What a client is told after the time that a request may take."""
    return RequestError(
        504,
        f"The answer took longer than {seconds:g} seconds. Show the draft, or try again with "
        "fewer answers in a request.",
        "timeout",
    )


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
