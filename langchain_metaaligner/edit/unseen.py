"""Model runs that a stream of messages does not show: drafts, and edits before they are checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

NOSTREAM = "nostream"
"""LangGraph's tag for a model run whose tokens are not shown in ``stream_mode="messages"``."""


def unseen(config: RunnableConfig) -> RunnableConfig:
    """The config with all runs below it tagged ``nostream``.

    The tag stands on the callbacks: there it reaches also a model that brings tags of its own, and
    one that other code puts in the place of the one expected.
    """
    callbacks: Any = config.get("callbacks")
    if hasattr(callbacks, "add_tags"):
        callbacks = callbacks.copy()
        callbacks.add_tags([NOSTREAM])
        return {**config, "callbacks": callbacks}
    return {**config, "tags": [*(config.get("tags") or ()), NOSTREAM]}


@contextmanager
def runs_unseen() -> Iterator[None]:
    """Tag the runs of all code inside that is given no config and so takes the one around it."""
    token = var_child_runnable_config.set(unseen(var_child_runnable_config.get() or {}))
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)
