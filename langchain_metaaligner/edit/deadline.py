"""When an answer is to be there: `Deadline`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from langchain_metaaligner.edit.limit import TimeLimitError, awaited, call_within
from langchain_metaaligner.errors import LateError

T = TypeVar("T")


class Deadline:
    """When an answer is to be there, whatever is still under way for it.

    Args:
        seconds: how long from now on; None for as long as it takes.

    Attributes:
        at: the end by `time.monotonic`; None where there is none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.at = None if seconds is None else time.monotonic() + seconds

    def left(self, seconds: float | None = None) -> float | None:
        """Seconds until the end, 0 at least, and no more than those given; None for no end."""
        if self.at is None:
            return seconds
        left = max(0.0, self.at - time.monotonic())
        return left if seconds is None else min(left, seconds)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A limit of time that ends at the deadline is a `LateError`."""
        try:
            yield
        except TimeLimitError:
            if self.left() == 0:
                raise LateError from None
            raise

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """What a function gives.

        Raises:
            LateError: if it takes too long.
        """
        if self.at is None:
            return function(*args)
        with self.kept():
            result: T = call_within(self.left() or 0.0, partial(function, *args))
            return result

    async def awaited(self, awaitable: Awaitable[T]) -> T:
        """What something awaited gives; it is cancelled when it is late, or when this call is.

        Raises:
            LateError: if it takes too long.
        """
        if self.at is None:
            return await awaitable
        with self.kept():
            result: T = await awaited(awaitable, self.left() or 0.0)
            return result


NEVER = Deadline()
