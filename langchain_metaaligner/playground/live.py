"""One edit as it is written, and its record at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import EditRejectedError
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.playground.aligners import towards
from langchain_metaaligner.runnable import MetaAlignerRunnable


def live_edit(
    aligner: MetaAlignerRunnable, question: str, draft: str, objectives: Sequence[Objective]
) -> Iterator[str | Alignment]:
    """The edit so far, each time that it grows, and then the record of the finished edit.

    What is shown while it grows has not been checked. The record is that of `align`: an edit that
    a check refuses is not its text. With a gate nothing can be shown before the end.

    Raises:
        MetaAlignerError: as of `align`.
    """
    if aligner.gate is not None:
        yield aligner.align(question, draft, towards(objectives))
        return
    live = aligner.model_copy(update={"streaming": "live"})
    text = ""
    metadata: dict[str, Any] = {}
    try:
        value = {"question": question, "answer": AIMessage(draft)}
        for chunk in live.stream(value, objectives=list(objectives)):
            if "answer" not in chunk:
                continue
            message = chunk["answer"]
            metadata |= message.response_metadata
            if message.text:
                text += message.text
                yield text
    except EditRejectedError as failed:  # half way, after a part of it was shown
        yield failed.alignment
        return
    yield _as_checked(metadata["metaaligner"])


def _as_checked(facts: dict[str, Any]) -> Alignment:
    """A message's record, with the draft standing where a check refused what had been shown."""
    record = Alignment(**{**facts, "objectives": tuple(facts["objectives"])})
    if record.decision != "edited" or record.reason is None:
        return record
    return replace(record, decision="kept", text=record.original, rejected=record.text)
