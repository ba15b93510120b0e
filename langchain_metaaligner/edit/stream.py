"""Edits as streams: a checked text in pieces, or the model's own pieces as they are made."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_metaaligner.edit.ask import Job, aask, ask
from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import EditRejectedError


def stream_edit(job: Job, settings: AlignerSettings) -> Iterator[Any]:
    """The chunks of one answer."""
    if not _goes_live(job, settings):
        ask([job], settings)
        yield from _settled_chunks(job, settings)
        return
    live = _LiveEdit(job, settings)
    yield from live.opening()
    tokens = settings.editor.stream(job.prompt, job.model_config())
    try:
        for token in tokens:
            yield from live.chunks(token)
    except Exception as error:  # a failing model must not cost the user the draft
        yield from live.failed(error)
    else:
        yield from live.closing()


async def astream_edit(job: Job, settings: AlignerSettings) -> AsyncIterator[Any]:
    """The async twin of `stream_edit`."""
    if not _goes_live(job, settings):
        await aask([job], settings)
        for chunk in _settled_chunks(job, settings):
            yield chunk
        return
    live = _LiveEdit(job, settings)
    for chunk in live.opening():
        yield chunk
    tokens = settings.editor.astream(job.prompt, job.model_config())
    try:
        async for token in tokens:
            for chunk in live.chunks(token):
                yield chunk
    except Exception as error:  # as above
        for chunk in live.failed(error):
            yield chunk
    else:
        for chunk in live.closing():
            yield chunk


def _goes_live(job: Job, settings: AlignerSettings) -> bool:
    return settings.streaming == "live" and job.alignment is None


def _settled_chunks(job: Job, settings: AlignerSettings) -> Iterator[Any]:
    """Word by word; the chunks add up to what ``invoke`` gives."""
    alignment, shape = job.outcome(settings), job.exchange.shape
    if job.exchange.untouched:
        yield shape.write(alignment)
        return
    yield from shape.opening()
    for word in re.findall(r"\S+\s*|\s+", alignment.text):
        yield from shape.piece(word)
    yield from shape.closing(alignment)


class _LiveEdit:
    """An edit that is shown while it is written.

    What was shown cannot be taken back: a check that refuses the finished text is noted in the
    record beside the text that stands, and a model that fails half way ends the stream with an
    error that carries the draft.
    """

    def __init__(self, job: Job, settings: AlignerSettings) -> None:
        assert job.planned is not None
        self._job, self._planned, self._settings = job, job.planned, settings
        self._shape = job.exchange.shape
        self._prefix = job.planned.brief.template.output_prefix
        self._output = ""
        self._shown = 0
        self._started = time.perf_counter()

    def opening(self) -> Iterator[Any]:
        """The chunks before the first piece."""
        return self._shape.opening()

    def chunks(self, token: Any) -> Iterator[Any]:
        """The chunks for one more piece of the model's output."""
        self._output += token.text if isinstance(token, BaseMessage) else str(token)
        if len(self._output) > len(self._prefix) or not self._prefix.startswith(self._output):
            yield from self._rest()

    def closing(self) -> Iterator[Any]:
        """The chunks after the last piece, the record among them; the draft if there was none."""
        yield from self._rest()
        alignment = self._settle(self._output)
        if self._shown and alignment.rejected is not None:
            if self._settings.on_failure == "raise":
                raise EditRejectedError(alignment)
            alignment = self._noted(alignment)
        elif alignment.decision == "kept":
            alignment = self._job.outcome(self._settings)
            yield from self._shape.piece(alignment.text)
        yield from self._shape.closing(alignment)

    def failed(self, error: Exception) -> Iterator[Any]:
        """The chunks after a failure of the model: the draft, where nothing was shown yet.

        Raises:
            EditRejectedError: if a part of the edit was shown.
        """
        alignment = self._settle(error)
        if self._shown:
            raise EditRejectedError(alignment) from error
        yield from self._shape.piece(self._job.outcome(self._settings).text)
        yield from self._shape.closing(alignment)

    def _settle(self, output: Any) -> Alignment:
        self._job.settle(output, time.perf_counter() - self._started, self._settings)
        assert self._job.alignment is not None
        return self._job.alignment

    def _rest(self) -> Iterator[Any]:
        cleaned = self._planned.brief.template.clean(self._output)
        text, self._shown = cleaned[self._shown :], len(cleaned)
        if text:
            yield from self._shape.piece(self._planned.guard.restore(text))

    def _noted(self, alignment: Alignment) -> Alignment:
        told = ("reason", "detail", "prompt_tokens", "completion_tokens", "seconds")
        facts = {name: getattr(alignment, name) for name in told}
        return self._planned.record(alignment.rejected or "", "edited", **facts)
