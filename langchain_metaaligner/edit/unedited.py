"""Answers that have no edit: what the log says of them, and what their user sees."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.resolved import REFUSAL, EditOptions
from langchain_metaaligner.edit.verdict import ALARMING, HARMLESS

logger = logging.getLogger("langchain_metaaligner")


def is_unedited(record: Alignment) -> bool:
    """Whether a draft stands that was to be edited."""
    return record.decision == "kept" and record.reason not in HARMLESS


def tell_kept(edits: Sequence[Edit | Exception]) -> None:
    """Log the drafts that were kept, each reason once: a failure with its traceback."""
    kept: dict[tuple[str | None, str | None], list[Edit]] = {}
    for edit in edits:
        if isinstance(edit, Edit) and is_unedited(edit.record):
            kept.setdefault((edit.record.reason, edit.record.detail), []).append(edit)
    for (reason, detail), alike in kept.items():
        level = logging.WARNING if reason in ALARMING else logging.INFO
        number = f" for {len(alike)} of {len(edits)} answers" if len(edits) > 1 else ""
        error = alike[0].error if reason == "error" else None
        logger.log(level, "Draft kept (%s)%s: %s", reason, number, detail, exc_info=error)


async def refuse_kept(
    edits: Sequence[Edit | Exception], options: EditOptions, caller: Caller
) -> None:
    """Put the refusal in the place of the drafts that were kept, under ``on_failure="refuse"``."""
    for edit in edits:
        if isinstance(edit, Edit) and is_unedited(edit.record):
            text = await _refusal(edit.record, options, caller)
            edit.record = replace(edit.record, text=text, decision="refused")


async def _refusal(record: Alignment, options: EditOptions, caller: Caller) -> str:
    """The text that the user of an answer without an edit sees."""
    if isinstance(options.refusal, str):
        return options.refusal
    try:
        text = await caller.call(options.refusal, record)
        if isinstance(text, str) and text.strip():
            return text
        raise TypeError(f"refusal gave {text!r:.200}; it must give a text that is not empty.")
    except Exception as error:  # the user's code: it must not bring the draft back
        logger.warning("The refusal failed; the default text is shown.", exc_info=error)
        return REFUSAL
