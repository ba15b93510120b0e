"""A way for a callback handler to hear events at once, sync and async, without being inline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any


class in_order:  # noqa: N801 - a decorator
    """A method of a handler that is called at once, in the thread where the event happens.

    LangChain's async manager runs the plain methods of a handler in other threads, and awaits the
    async ones; its sync manager runs the async ones in an event loop of their own. A handler that
    is ``run_inline`` is spared that, but makes the manager drop the start of text models for every
    other handler of the process (langchain#39633). So these methods are plain functions that pass
    for async ones: they do their work when they are called, and give something to be awaited that
    is at its end already.
    """

    def __init__(self, method: Callable[..., None]) -> None:
        self._method = method

    def __get__(self, handler: Any, owner: type | None = None) -> Callable[..., Any]:
        return self._method if handler is None else _Done.after(self._method.__get__(handler))


async def _any_coroutine_function(*args: Any, **kwargs: Any) -> None:
    """What `inspect.iscoroutinefunction` is shown."""


class _Done(functools.partial[Any]):
    """A partial of a coroutine function, and so one by `inspect`, that calls another function."""

    function: Callable[..., None]

    @classmethod
    def after(cls, function: Callable[..., None]) -> _Done:
        done = cls(_any_coroutine_function)
        done.function = function
        return done

    def __call__(self, /, *args: Any, **kwargs: Any) -> _Nothing:
        self.function(*args, **kwargs)
        return _NOTHING


class _Nothing:
    """Something to be awaited that is at its end. A coroutine would have to be run."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()


_NOTHING = _Nothing()
