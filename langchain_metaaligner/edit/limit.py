"""Calls of functions that may hang, with a limit of time.

A function cannot be ended from outside. One that is late is left behind in a thread of its own,
which holds up neither its caller, nor an event loop's executor, nor the end of the process.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import inspect
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from typing import Any

AT_EXIT = 2.0
"""Seconds for which the end of the process waits for calls: torch aborts where it is cut off."""


class TimeLimitError(Exception):
    """A call that was not at its end when its time was over."""


def call_within(seconds: float, function: Callable[[], Any]) -> Any:
    """What a function gives; where it is async, after a loop of its own has run it.

    Args:
        seconds: the time that it has.
        function: takes nothing. It sees the context variables of its caller.

    Raises:
        TimeLimitError: if it took longer.
    """

    def whole() -> Any:
        result = function()
        return asyncio.run(awaited(result, seconds)) if inspect.isawaitable(result) else result

    result = _in_a_thread(whole)
    if not wait([result], seconds).done:
        raise TimeLimitError
    return result.result()


async def acall_within(seconds: float, function: Callable[[], Any]) -> Any:
    """The async twin of `call_within`: what is async runs on this loop, what is not in a thread."""
    end = time.monotonic() + seconds
    if inspect.iscoroutinefunction(function):
        result: Any = function()
    else:
        result = await awaited(asyncio.wrap_future(_in_a_thread(function)), seconds)
    if inspect.isawaitable(result):
        return await awaited(result, max(0.0, end - time.monotonic()))
    return result


async def awaited(awaitable: Awaitable[Any], seconds: float) -> Any:
    """What something awaited gives; it is cancelled when it is late, or when this call is.

    Raises:
        TimeLimitError: if it took longer.
    """
    # not `asyncio.wait_for`, which waits for ever for a task that does not let itself be cancelled
    task = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise TimeLimitError
        return task.result()
    finally:
        task.cancel()


def _in_a_thread(function: Callable[[], Any]) -> Future[Any]:
    result: Future[Any] = Future()
    result.set_running_or_notify_cancel()  # from here on, a caller that goes cannot cancel it
    context = contextvars.copy_context()

    def work() -> None:
        try:
            value = context.run(function)
        except StopIteration as error:  # which no future can carry
            result.set_exception(RuntimeError(f"StopIteration: {error}"))
        except BaseException as error:  # whatever it is, it is raised where the result is wanted
            result.set_exception(error)
        else:
            result.set_result(value)

    thread = threading.Thread(target=work, name="metaaligner-check", daemon=True)
    _threads.add(thread)
    thread.start()
    return result


_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


@atexit.register
def _join() -> None:
    end = time.monotonic() + AT_EXIT
    for thread in list(_threads):
        thread.join(max(0.0, end - time.monotonic()))
