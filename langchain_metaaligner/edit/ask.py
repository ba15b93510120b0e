"""The way of one answer: prepare, await the model, settle."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.editor import ModelFailureError
from langchain_metaaligner.edit.exchange import Exchange
from langchain_metaaligner.edit.loop import Elsewhere, Here, finished
from langchain_metaaligner.edit.options import EditOptions
from langchain_metaaligner.edit.plan import EXPLICIT_FORMS, Edit, plan
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.verdict import (
    HARMLESS,
    NO_QUESTION,
    TOO_LONG,
    UNTOUCHED,
    failure,
    keep,
    settle,
    tell_kept,
)
from langchain_metaaligner.errors import EditRejectedError, MissingQuestionError


def prepare(exchange: Exchange, config: RunnableConfig, options: EditOptions) -> Edit:
    """The prompt of one answer, or the record of why the model is not asked.

    Raises:
        MissingQuestionError: if the question is not known, under ``on_missing_question="raise"``.
    """
    record = Alignment(
        text=exchange.answer,
        original=exchange.answer,
        decision="unchanged",
        objectives=tuple(objective.name for objective in options.objectives),
        model=options.editor.name,
        template=options.template.name,
    )
    edit = Edit(
        exchange.shape, config, record, context=exchange.context, objectives=options.objectives
    )
    if exchange.untouched:
        edit.record = keep(record, UNTOUCHED[exchange.untouched])
    else:
        _plan(edit, exchange, options)
    return edit


def _plan(edit: Edit, exchange: Exchange, options: EditOptions) -> None:
    try:
        planned = plan(exchange, options.template, options.aspects, options.editor.fits)
    except ModelFailureError as failed:  # its tokenizer: a failing model leaves the draft
        edit.error = failed.error
        edit.record = keep(edit.record, failure(failed.error))
        return
    edit.guard, edit.draft, edit.question, slot, edit.prompt = planned
    edit.record = replace(edit.record, question=slot)
    if edit.prompt is not None:
        return
    edit.record = keep(edit.record, TOO_LONG if slot else NO_QUESTION)
    if not slot and options.on_missing_question == "raise":
        raise MissingQuestionError(
            f"The question of this answer is not known: {exchange.answer!r:.100}. It is blank, or "
            f"no single model call that led to it was seen in this chain. {EXPLICIT_FORMS}"
        )


def ask(edits: Sequence[Edit | Exception], options: EditOptions) -> None:
    """Settle every answer in one call of the model; exceptions stand for rows without one.

    Raises:
        MetaAlignerError: if the model or the gate shows a mistake of the caller.
    """
    asked = _asked(edits)
    if asked:
        started = time.perf_counter()
        replies = options.editor.ask(*_prompts(asked, options))
        seconds = time.perf_counter() - started
        finished(settle(asked, replies, seconds, options, Here))
    tell_kept(edits)


async def aask(edits: Sequence[Edit | Exception], options: EditOptions) -> None:
    """The async twin of `ask`."""
    asked = _asked(edits)
    if asked:
        started = time.perf_counter()
        replies = await options.editor.aask(*_prompts(asked, options))
        seconds = time.perf_counter() - started
        await settle(asked, replies, seconds, options, Elsewhere)
    tell_kept(edits)


def _asked(edits: Sequence[Edit | Exception]) -> list[Edit]:
    return [edit for edit in edits if isinstance(edit, Edit) and edit.prompt is not None]


def _prompts(
    asked: Sequence[Edit], options: EditOptions
) -> tuple[list[str], list[str], list[RunnableConfig]]:
    rows = [edit for edit in asked for _ in range(options.candidates)]
    return [str(e.prompt) for e in rows], [e.draft for e in rows], [e.config for e in rows]


def outcome(edit: Edit, options: EditOptions) -> Alignment:
    """The record of a settled answer.

    Raises:
        EditRejectedError: if the answer could not be edited, under ``on_failure="raise"``.
    """
    record = edit.record
    refused = record.decision == "kept" and record.reason not in HARMLESS
    if refused and options.on_failure == "raise":
        raise EditRejectedError(record) from edit.error
    return record
