"""Calling functions of the user, sync or async, from sync and from async code.

The way of an answer is written once, as coroutines that call the user's functions (checks, the
scorer of a gate) through a `Caller`. Under `ainvoke` that is `Elsewhere`: what is async is awaited,
what is not runs in a thread, and the event loop stays free. Under `invoke` it is `Here`: every call
is at its end when it returns, so that the coroutine never waits and `finished` takes its result.
Both keep to a deadline: what takes longer raises `LateError`.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    run_in_executor,
)

from langchain_metaaligner.edit.deadline import NEVER, Deadline
from langchain_metaaligner.edit.limit import acall_within, call_within

if TYPE_CHECKING:
    from langchain_metaaligner.edit.editor import Editor, Rows
    from langchain_metaaligner.edit.reply import Reply

T = TypeVar("T")


class Caller(Protocol):
    """How functions of the user, and the model that edits, are called."""

    @staticmethod
    def manager(config: RunnableConfig) -> Any:
        """The callback manager of a config."""

    async def call(
        self, function: Callable[..., Any], *args: Any, seconds: float | None = None
    ) -> Any:
        """What a function gives, awaited where it is async.

        Raises:
            TimeLimitError: if it took more than so many seconds.
            LateError: if it took until the deadline of the answer.
        """

    async def ask(self, editor: Editor, rows: Rows) -> list[Reply | Exception]:
        """The replies of a model; see `Editor.ask`."""

    @staticmethod
    async def each(work: Iterable[Awaitable[T]]) -> list[T]:
        """The results of all, in order."""


class Here:
    """Calls in this thread, one after the other; with a limit of time, in threads of their own."""

    @staticmethod
    def manager(config: RunnableConfig) -> Any:
        """The callback manager of a config."""
        return get_callback_manager_for_config(config)

    def __init__(self, deadline: Deadline = NEVER) -> None:
        self._deadline = deadline

    async def call(
        self, function: Callable[..., Any], *args: Any, seconds: float | None = None
    ) -> Any:
        """What a function gives; where it is async, after a loop of its own has run it."""
        limit = self._deadline.left(seconds)
        if limit is None:
            result = function(*args)
            return _run(result) if inspect.isawaitable(result) else result
        with self._deadline.kept():
            return call_within(limit, partial(function, *args))

    async def ask(self, editor: Editor, rows: Rows) -> list[Reply | Exception]:
        """The replies of a model."""
        return editor.ask(*rows, deadline=self._deadline)

    @staticmethod
    async def each(work: Iterable[Awaitable[T]]) -> list[T]:
        """The results of all, in order."""
        return [await one for one in work]


class Elsewhere:
    """Calls that leave the event loop free: async functions on it, others in threads."""

    @staticmethod
    def manager(config: RunnableConfig) -> Any:
        """The callback manager of a config."""
        return get_async_callback_manager_for_config(config)

    def __init__(self, deadline: Deadline = NEVER) -> None:
        self._deadline = deadline

    async def call(
        self, function: Callable[..., Any], *args: Any, seconds: float | None = None
    ) -> Any:
        """What a function gives."""
        limit = self._deadline.left(seconds)
        if limit is not None:
            with self._deadline.kept():
                return await acall_within(limit, partial(function, *args))
        if inspect.iscoroutinefunction(function):
            return await function(*args)
        result = await run_in_executor(None, function, *args)
        return await result if inspect.isawaitable(result) else result

    async def ask(self, editor: Editor, rows: Rows) -> list[Reply | Exception]:
        """The replies of a model."""
        return await editor.aask(*rows, deadline=self._deadline)

    @staticmethod
    async def each(work: Iterable[Awaitable[T]]) -> list[T]:
        """The results of all, in order; they run side by side."""
        return list(await asyncio.gather(*work))


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that calls through `Here`, and so never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("A call of sync code waited for an event loop.")


def _run(awaitable: Awaitable[T]) -> T:
    async def whole() -> T:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole())
    # sync code below a running loop: that loop cannot be entered again from here
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, whole()).result()
