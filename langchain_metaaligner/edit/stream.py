"""Edits as streams: a checked text in pieces, or the model's own pieces as they are made."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from langchain_metaaligner.edit.admission import admitted, needed
from langchain_metaaligner.edit.ask import aask, ask, outcome
from langchain_metaaligner.edit.editor import model_config
from langchain_metaaligner.edit.events import tell_settled, telling
from langchain_metaaligner.edit.in_time import auntil_late, until_late
from langchain_metaaligner.edit.loop import Caller, Elsewhere, Here, finished
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.reply import CompletionReport, reply_of
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.edit.unedited import tell_kept
from langchain_metaaligner.edit.verdict import settle
from langchain_metaaligner.errors import EditRejectedError


def stream_edit(edit: Edit, options: EditOptions) -> Iterator[Any]:
    """The chunks of one answer."""
    if not options.live or edit.prompt is None:
        ask([edit], options)
        yield from _settled_chunks(edit, options)
        return
    with admitted([edit], options) as edits:
        if finished(needed(edits, options.when, Here(edit.deadline))):
            with telling([edit]):
                yield from _live_chunks(edit, options)
            return
    yield from stream_edit(edit, options)


def _live_chunks(edit: Edit, options: EditOptions) -> Iterator[Any]:
    live = _LiveEdit(edit, options)
    yield from edit.shape.opening()
    editor = options.editor
    tokens = editor.model.stream(edit.prompt, live.config, **editor.told(edit.draft))
    for token in until_late(tokens, edit.deadline):
        yield from live.chunks(token)
    finished(live.settle(Here(edit.deadline)))
    yield from live.closing()


async def astream_edit(edit: Edit, options: EditOptions) -> AsyncGenerator[Any, None]:
    """The async twin of `stream_edit`."""
    if not options.live or edit.prompt is None:
        await aask([edit], options)
        for chunk in _settled_chunks(edit, options):
            yield chunk
        return
    with admitted([edit], options) as edits:
        is_edited = await needed(edits, options.when, Elsewhere(edit.deadline))
        chunks = _alive_chunks(edit, options) if is_edited else astream_edit(edit, options)
        with telling([edit] if is_edited else []):
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk


async def _alive_chunks(edit: Edit, options: EditOptions) -> AsyncGenerator[Any, None]:
    live = _LiveEdit(edit, options)
    for chunk in edit.shape.opening():
        yield chunk
    editor = options.editor
    tokens = auntil_late(
        editor.model.astream(edit.prompt, live.config, **editor.told(edit.draft)), edit.deadline
    )
    async with aclosing(tokens):
        async for token in tokens:
            for chunk in live.chunks(token):
                yield chunk
    await live.settle(Elsewhere(edit.deadline))
    for chunk in live.closing():
        yield chunk


def _settled_chunks(edit: Edit, options: EditOptions) -> Iterator[Any]:
    """Word by word where the answer divides; the chunks add up to what ``invoke`` gives."""
    record, shape = outcome(edit, options), edit.shape
    yield from shape.opening()
    words = re.findall(r"\S+\s*|\s+", record.text) if shape.divides(record) else []
    for at, word in enumerate(words):
        yield from shape.piece(word, at == 0)
    yield from shape.closing(record, bool(words))


class _LiveEdit:
    """An edit that is shown while it is written.

    What was shown cannot be taken back: a check that refuses or corrects the finished text is noted
    in the record beside the text that stands, and a model that fails half way ends the stream with
    an error that carries the draft.
    """

    def __init__(self, edit: Edit, options: EditOptions) -> None:
        self._edit, self._options = edit, options
        self._report = CompletionReport()
        self.config = model_config(edit.config, self._report)
        self._output = ""
        self._failure: Exception | None = None
        self._shown = 0
        self._started = time.perf_counter()

    def chunks(self, token: Any) -> Iterator[Any]:
        """The chunks for one more piece of the model's output, or for its failure."""
        reply = self._failure or reply_of(token)
        if isinstance(reply, Exception):
            self._failure = reply
            return
        self._output += reply.text
        prefix = self._options.template.output_prefix
        if len(self._output) > len(prefix) or not prefix.startswith(self._output):
            yield from self._rest()

    async def settle(self, caller: Caller) -> None:
        """Decide about the finished edit."""
        reply = self._failure or reply_of(self._output, self._report)
        seconds = time.perf_counter() - self._started
        await settle([self._edit], [reply], seconds, self._options, caller)
        tell_kept([self._edit])
        await tell_settled([self._edit], [self._edit], caller)

    def closing(self) -> Iterator[Any]:
        """The chunks after the last piece, the record among them; the draft if there was none.

        Raises:
            EditRejectedError: if the edit failed, under ``on_failure="raise"``; if the model
                failed after a part of it was shown.
        """
        if self._failure is None:
            yield from self._rest()
        record = self._edit.record
        if not self._shown:
            yield from self._unshown(outcome(self._edit, self._options))
            return
        if self._failure is not None:
            raise EditRejectedError(record) from self._failure
        record = self._noted(outcome(self._edit, self._options))
        yield from self._edit.shape.closing(record, shown=True)

    def _rest(self) -> Iterator[Any]:
        cleaned = self._options.template.clean(self._output)
        text, first = cleaned[self._shown :], not self._shown
        if text and (self._shown or text.strip()):  # a blank edit is none, and the draft stands
            self._shown = len(cleaned)
            assert self._edit.guard is not None
            yield from self._edit.shape.piece(self._edit.guard.restore(text), first)

    def _unshown(self, record: Alignment) -> Iterator[Any]:
        shape = self._edit.shape
        if shape.divides(record):
            yield from shape.piece(record.text, first=True)
        yield from shape.closing(record, shape.divides(record))

    def _noted(self, record: Alignment) -> Alignment:
        """The record of an edit that was shown, also where it was refused or corrected since."""
        assert self._edit.guard is not None
        shown = self._edit.guard.restore(self._options.template.clean(self._output))
        if record.decision == "kept":
            return replace(record, text=shown, decision="edited", rejected=None)
        if record.text != shown:
            detail = f"{record.detail} The edit was shown before, and stands."
            return replace(record, text=shown, decision="edited", reason="corrected", detail=detail)
        return record


def added_up(chunks: list[Any]) -> list[Any]:
    """The one value that came in pieces; pieces that do not add replace each other."""
    return [functools.reduce(_added, chunks)] if chunks else []


def _added(total: Any, chunk: Any) -> Any:
    try:
        return total + chunk
    except TypeError:
        return chunk
