"""What is told of an edit while it happens: events, marks on its run, items in a graph's stream.

Each answer is one LangChain custom event, `EVENT`, which callback handlers (``on_custom_event``)
and ``astream_events`` hear. Its data is the slim record: no text of the user or of a model. The run
of the aligner gets the decision, the reason and the model as tags and metadata. In a LangGraph
graph, ``stream_mode="custom"`` has an item when an edit begins and when it ends.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import uuid4

from langchain_core.tracers.base import BaseTracer

from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.plan import Edit

logger = logging.getLogger("langchain_metaaligner")

EVENT = "metaaligner"
"""The name of the event, and the key of items in a graph's custom stream."""


class Listener(Protocol):
    """Hears of the answers of all aligners of the process, in the thread or task that edits."""

    def begins(self, edit: Edit) -> None:
        """An answer is about to be edited."""

    def ends(self, edit: Edit) -> None:
        """An answer is settled, edited or not."""

    def abandons(self, edit: Edit) -> None:
        """Nobody waits any more for an answer that was about to be edited."""


listeners: list[Listener] = []


@contextmanager
def telling(edits: Sequence[Edit]) -> Iterator[None]:
    """Tell that answers are about to be edited; where the block fails, that nobody waits."""
    for edit in edits:
        _safely(_write, edit, {"event": "begin", "objectives": list(edit.record.objectives)})
        for listener in listeners:
            _safely(listener.begins, edit)
    try:
        yield
    except BaseException:  # also a caller that is cancelled, or closes its stream
        for edit in edits:
            for listener in listeners:
                _safely(listener.abandons, edit)
        raise


async def tell_settled(edits: Sequence[Edit], asked: Sequence[Edit], caller: Caller) -> None:
    """Tell what became of answers, of which some were asked about."""
    edited = set(map(id, asked))
    for edit in edits:
        slim = edit.record.slim_record()
        if id(edit) in edited:
            _safely(_write, edit, {"event": "end", **slim})
        _safely(_mark, edit)
        for listener in listeners:
            _safely(listener.ends, edit)
        try:
            manager = caller.manager(edit.config)
            run_id = manager.parent_run_id or uuid4()
            heard = manager.on_custom_event(EVENT, slim, run_id=run_id)
            if inspect.isawaitable(heard):
                await heard
        except Exception as error:  # handlers are other people's code, and the answer is there
            logger.warning("A handler of the event failed.", exc_info=error)


def _safely(tell: Callable[..., None], *args: Any) -> None:
    try:
        tell(*args)
    except Exception as error:  # as above
        logger.warning("An edit could not be told of.", exc_info=error)


def _write(edit: Edit, item: Mapping[str, Any]) -> None:
    # where LangGraph keeps its `Runtime`; its own `get_stream_writer` needs a context variable,
    # which async code loses on Python 3.10
    runtime = (edit.config.get("configurable") or {}).get("__pregel_runtime")
    writer = getattr(runtime, "stream_writer", None)
    if writer is not None:
        writer({EVENT: dict(item)})


def _mark(edit: Edit) -> None:
    """Put the decision on the aligner's own run, which LangChain has no function for."""
    run, record = edit.run, edit.record
    if run is None:
        return
    facts = {"decision": record.decision, "reason": record.reason, "model": record.model}
    known = {f"{EVENT}_{name}": value for name, value in facts.items() if value}
    tags = [f"{EVENT}:{record.decision}", *([f"{EVENT}:{record.reason}"] * bool(record.reason))]
    run.tags = [*run.tags, *tags]
    run.metadata = {**run.metadata, **known}
    for handler in run.handlers:
        runs = getattr(handler, "run_map", {})
        if isinstance(handler, BaseTracer) and str(run.run_id) in runs:
            runs[str(run.run_id)].add_tags(tags)
            runs[str(run.run_id)].add_metadata(known)
        elif isinstance(about := runs.get(run.run_id), dict):  # that of ``astream_events``
            about["tags"] = [*about.get("tags", ()), *tags]
            about["metadata"] = {**about.get("metadata", {}), **known}
