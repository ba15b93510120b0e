"""The way of one answer: prepare, await the model, settle."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.admission import admitted, needed
from langchain_metaaligner.edit.deadline import NEVER, Deadline
from langchain_metaaligner.edit.editor import ModelFailureError
from langchain_metaaligner.edit.events import tell_settled, telling
from langchain_metaaligner.edit.exchange import Exchange
from langchain_metaaligner.edit.fields import join_parts, parts_to_ask
from langchain_metaaligner.edit.loop import Caller, Elsewhere, Here, finished
from langchain_metaaligner.edit.plan import EXPLICIT_FORMS, Edit, plan
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.edit.retry import added, begin_again, begun_again, may_differ
from langchain_metaaligner.edit.unedited import is_unedited, refuse_kept, tell_kept
from langchain_metaaligner.edit.verdict import (
    NO_QUESTION,
    TOO_LONG,
    UNTOUCHED,
    failure,
    keep,
    settle,
)
from langchain_metaaligner.errors import EditRejectedError, LateError, MissingQuestionError


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
        exchange.shape,
        config,
        record,
        context=exchange.context,
        objectives=options.objectives,
        exchange=exchange,
        deadline=Deadline(options.timeout),
    )
    if exchange.untouched:
        asked = options.template.question_text(exchange.question or "")
        edit.record = keep(replace(record, question=asked), UNTOUCHED[exchange.untouched])
    else:
        _plan(edit, exchange, options)
    return edit


def _plan(edit: Edit, exchange: Exchange, options: EditOptions) -> None:
    try:
        planned = edit.deadline.call(
            plan, exchange, options.template, options.aspects, options.editor.fits
        )
    except LateError as late:  # the weights are read for the first time
        edit.record = keep(edit.record, failure(late))
        return
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
    finished(_answer(edits, options, Here))


async def aask(edits: Sequence[Edit | Exception], options: EditOptions) -> None:
    """The async twin of `ask`."""
    await _answer(edits, options, Elsewhere)


async def _answer(
    edits: Sequence[Edit | Exception], options: EditOptions, callers: type[Here] | type[Elsewhere]
) -> None:
    answers = [edit for edit in edits if isinstance(edit, Edit)]
    asked = [part for edit in answers for part in parts_to_ask(edit) if part.prompt is not None]
    caller = callers(asked[0].deadline if asked else NEVER)
    with admitted(asked, options) as placed:
        begun = refused = await needed(placed, options.when, caller)
        ids = set(map(id, begun))
        edited = [edit for edit in answers if ids & set(map(id, edit.parts or (edit,)))]
        with telling(edited):
            await _attempt(refused, options, caller)
            for number in range(1, options.retries + 1):
                refused = [edit for edit in refused if may_differ(edit, options)]
                await _try_again(refused, number, options, caller)
    for edit in answers:
        join_parts(edit)
    tell_kept(edits)
    if options.on_failure == "refuse":
        await refuse_kept(edits, options, callers())
    await tell_settled(answers, edited, caller)


async def _attempt(edits: Sequence[Edit], options: EditOptions, caller: Caller) -> None:
    """Ask the model for the edits of some answers, and settle them."""
    if not edits:
        return
    started = time.perf_counter()
    rows = [edit for edit in edits for _ in range(options.candidates)]
    prompts = [str(edit.prompt) for edit in rows]
    drafts, configs = [edit.draft for edit in rows], [edit.config for edit in rows]
    replies = await caller.ask(options.editor, (prompts, drafts, configs))
    await settle(edits, replies, time.perf_counter() - started, options, caller)


async def _try_again(
    edits: Sequence[Edit], number: int, options: EditOptions, caller: Caller
) -> None:
    """Ask otherwise for edits that were refused. Where that fails, the refusal stands."""
    if not edits:
        return
    before = [edit.record for edit in edits]
    try:
        options = await begin_again(edits, number, options, caller)
    except (LateError, ModelFailureError):
        return
    for edit in edits:
        edit.record = begun_again(edit.record)
    await _attempt(edits, options, caller)
    for edit, record in zip(edits, before, strict=True):
        edit.record = added(record, edit.record)


def outcome(edit: Edit, options: EditOptions) -> Alignment:
    """The record of a settled answer.

    Raises:
        EditRejectedError: if the answer could not be edited, under ``on_failure="raise"``.
    """
    if options.on_failure == "raise" and is_unedited(edit.record):
        raise EditRejectedError(edit.record) from edit.error
    return edit.record
