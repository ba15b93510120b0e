"""Tokens that LangGraph's streams of messages get only once it is known what they belong to.

A model does not say beforehand whether its turn will call tools or be the answer that is edited.
So its runs are tagged ``nostream``, and what LangGraph would have shown is kept here: a turn that
turns out to call tools is shown from then on as it comes, and what came before at once; of any
other turn nothing is shown, and it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config

from langchain_metaaligner.edit.unseen import NOSTREAM, unseen

try:
    from langchain_core.tracers._streaming import _V2StreamingCallbackHandler as ByEvents
except ImportError:  # LangChain before it streamed by events

    class ByEvents:  # type: ignore[no-redef]
        """Nothing is one."""


MARK = "metaaligner:withheld"
"""Stands behind our ``nostream``: one that is the app's own comes after it."""


@dataclass
class _Run:
    start: dict[str, Any]
    events: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    shown: bool = False


class Withheld(BaseCallbackHandler):
    """Keeps what chat models say from streams of messages.

    It stands behind the streams' own handlers, so that they hear by themselves what comes after a
    run is shown to them.

    Args:
        streams: LangGraph's handlers.
        shown: names of the tools whose calls are shown; None for all.
    """

    run_inline = True  # as the streams' handlers are: one after the other, in order

    def __init__(self, streams: Sequence[Any], shown: Sequence[str] | None = None) -> None:
        self.streams, self.shown = streams, shown
        self._runs: dict[UUID, _Run] = {}

    def on_chat_model_start(self, serialized: Any, messages: Any, **about: Any) -> None:
        """Note a run, unless the app itself hides it."""
        tags: list[str] = about.get("tags") or []
        if NOSTREAM in tags and MARK in tags and tags.index(NOSTREAM) < tags.index(MARK):
            start = {"serialized": serialized, "messages": messages, **about}
            self._runs[about["run_id"]] = _Run(start)

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, **about: Any) -> None:
        """Note a token; from the first call of a tool on, the run is shown."""
        run = self._note("on_llm_new_token", token, chunk=chunk, **about)
        message = getattr(chunk, "message", None)
        calls = getattr(message, "tool_call_chunks", None) or getattr(message, "tool_calls", None)
        names = [call.get("name") for call in calls or ()]
        if run and (names if self.shown is None else set(names) & set(self.shown)):
            self._show(run)

    def on_llm_end(self, response: Any, **about: Any) -> None:
        """Note the end of a run."""
        self._note("on_llm_end", response, **about)

    def on_llm_error(self, error: BaseException, **about: Any) -> None:
        """Note that a run has failed."""
        self._note("on_llm_error", error, **about)

    def show(self) -> None:
        """Show all that is kept, in the order in which it came."""
        for run in list(self._runs.values()):
            self._show(run)

    def _note(self, event: str, *args: Any, **about: Any) -> _Run | None:
        run = self._runs.get(about["run_id"])
        if run is None or run.shown:
            return None
        run.events.append((event, args, about))
        return run

    def _show(self, run: _Run) -> None:
        if run.shown:
            return
        run.shown = True
        tags = [tag for tag in run.start["tags"] if tag not in (NOSTREAM, MARK)]
        for stream in self.streams:
            metadata = dict(run.start.get("metadata") or {})  # the handler writes into it
            stream.on_chat_model_start(**{**run.start, "tags": tags, "metadata": metadata})
            for event, args, about in run.events:
                getattr(stream, event)(*args, **about)
        run.events.clear()


@contextmanager
def runs_withheld(shown: Sequence[str] | None = None) -> Iterator[Withheld]:
    """Withhold what models say in all code inside that takes the config around it.

    Args:
        shown: names of the tools whose calls are shown; None for all.
    """
    config = var_child_runnable_config.get() or {}
    withheld = Withheld(message_streams(config.get("callbacks")), shown)
    quiet = unseen(config)
    callbacks: Any = quiet.get("callbacks")
    if withheld.streams:
        callbacks.add_tags([MARK])
        callbacks.add_handler(withheld, inherit=True)
    token = var_child_runnable_config.set(quiet)
    try:
        yield withheld
    finally:
        var_child_runnable_config.reset(token)


def message_streams(callbacks: Any) -> list[Any]:
    """LangGraph's handlers of ``stream_mode="messages"`` that listen here.

    None where the runs here are hidden already, by the app or by another aligner around this one.
    """
    if NOSTREAM in getattr(callbacks, "tags", ()):
        return []
    return [one for one in getattr(callbacks, "handlers", ()) if _is_message_stream(one)]


def _is_message_stream(handler: Any) -> bool:
    return (
        hasattr(handler, "tap_output_iter")
        and type(handler).__module__.startswith("langgraph.")
        and type(handler).on_chat_model_start is not BaseCallbackHandler.on_chat_model_start
        and not isinstance(handler, ByEvents)  # which shows messages whole, at the end of the node
    )
