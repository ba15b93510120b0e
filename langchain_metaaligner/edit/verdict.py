"""What becomes of an answer: the edit stands, or the draft does and the record says why."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_metaaligner.edit.case import BoundCheck, Case, Correction, Refusal
from langchain_metaaligner.edit.checks import refuse, refuse_lost
from langchain_metaaligner.edit.editor import model_config
from langchain_metaaligner.edit.gate import Verdict, scores_of
from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.record import Alignment, Decision
from langchain_metaaligner.edit.reply import Reply
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.errors import LateError, MetaAlignerError

NO_QUESTION = Refusal("no_question", "The question that led to this answer is not known.")

TOO_LONG = Refusal(
    "too_long", "The last question and the answer do not fit the context of the model."
)

BUSY = Refusal("busy", "As many answers as max_waiting allows were under way.")

NOT_NEEDED = Refusal("not_needed", "when= says that this answer needs no edit.")

TIMEOUT = Refusal("timeout", "The edit was not there in time.")

UNTOUCHED = {
    reason: Refusal(reason, detail)
    for reason, detail in (
        ("tool_calls", "A turn that calls tools is not an answer."),
        ("empty_draft", "The answer has no text."),
        ("no_text", "The answer is another medium and has no text."),
    )
}
"""Why an answer is none to edit, or cannot be edited."""

HARMLESS = ("tool_calls", "empty_draft", "not_needed")
"""Reasons of answers that show no text to anybody, or are good as they are: no failures."""

ALARMING = ("error", "no_field", "timeout", "busy", "no_question", "no_text")
"""Reasons that are logged as warnings: what failed, and what the model was not even asked about."""


def keep(record: Alignment, refusal: Refusal, **facts: Any) -> Alignment:
    """The record with the draft standing."""
    return replace(
        record,
        text=record.original,
        decision="kept",
        reason=refusal.reason,
        detail=refusal.detail,
        **facts,
    )


def failure(error: BaseException) -> Refusal:
    """The refusal for a model, a tokenizer, a check or a scorer that failed, or is late."""
    if isinstance(error, LateError):
        return TIMEOUT
    return Refusal("error", f"{type(error).__name__}: {error}")


def conclude(
    edit: Edit, reply: Reply | Exception, seconds: float, options: EditOptions
) -> Alignment:
    """The record that one reply of the model leads to, before the caller's own checks.

    Raises:
        MetaAlignerError: if the reply is a mistake of the caller, such as a missing model.
    """
    if isinstance(reply, MetaAlignerError):
        raise reply
    if isinstance(reply, Exception):
        edit.error = reply
        return keep(edit.record, failure(reply), seconds=seconds)
    assert edit.guard is not None
    draft, text = edit.record.original, edit.guard.restore(options.template.clean(reply.text))
    facts: dict[str, Any] = {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "seconds": seconds,
    }
    refusal = refuse(
        draft,
        text,
        raw=reply.text,
        template=options.template,
        finish_reason=reply.finish_reason,
        preserve=options.preserve,
    )
    if refusal:
        return keep(edit.record, refusal, rejected=text, **facts)
    decision: Decision = "unchanged" if text == draft else "edited"
    return replace(edit.record, text=text, decision=decision, **facts)


async def checked(edit: Edit, record: Alignment, options: EditOptions, caller: Caller) -> Alignment:
    """The record after the caller's own checks; one that fails is a reason to keep the draft."""
    if record.decision == "kept":
        return record
    for check in options.checks:
        case = Case(
            draft=record.original,
            edit=record.text,
            question=edit.question,
            context=edit.context,
            objectives=edit.objectives,
            config=model_config(edit.config),
        )
        try:
            verdict = await check.judge(case, caller, options.check_timeout)
        except Exception as error:  # a check is the user's code: it must not cost them the answer
            edit.error = error
            return keep(record, failure(error), rejected=record.text)
        if isinstance(verdict, Correction):
            verdict = refuse_lost(record.original, verdict.text, options.preserve) or verdict
        if isinstance(verdict, Correction):
            record = _corrected(record, verdict.text, check)
        elif isinstance(verdict, Refusal):
            return keep(record, verdict, rejected=record.text)
    return record


def _corrected(record: Alignment, text: str, check: BoundCheck) -> Alignment:
    decision: Decision = "unchanged" if text == record.original else "edited"
    detail = f"Corrected by the check {check.name}."
    return replace(record, text=text, decision=decision, detail=detail)


async def settle(
    edits: Sequence[Edit],
    replies: Sequence[Reply | Exception],
    seconds: float,
    options: EditOptions,
    caller: Caller,
) -> None:
    """Decide about every answer: the built-in checks, the caller's own, and the gate.

    Args:
        edits: the answers that were asked about.
        replies: of each, as many in a row as there are candidates.
        seconds: how long the model took.
        options: those of the aligner.
        caller: how functions of the user are called, so that they never hold up an event loop.

    Raises:
        MetaAlignerError: if a reply or the gate shows a mistake of the caller.
    """
    tries = [
        (edit, conclude(edit, reply, seconds, options))
        for edit, reply in zip(_repeated(edits, options.candidates), replies, strict=True)
    ]
    records = [record for _, record in tries]
    if options.checks:
        judged: list[Awaitable[Alignment]] = [
            checked(edit, record, options, caller) for edit, record in tries
        ]
        records = await caller.each(judged)
    if options.gate is None:
        for edit, record in zip(edits, records, strict=True):
            edit.record = record
    else:
        several = options.candidates
        groups = [records[at : at + several] for at in range(0, len(records), several)]
        await gated(edits, groups, options, caller)


def _repeated(edits: Sequence[Edit], times: int) -> Iterator[Edit]:
    return (edit for edit in edits for _ in range(times))


async def gated(
    edits: Sequence[Edit],
    groups: Sequence[Sequence[Alignment]],
    options: EditOptions,
    caller: Caller,
) -> None:
    """Let the gate choose among the candidates of each answer; all are scored together.

    What is unchanged is not scored, and never refused.

    Raises:
        MetaAlignerError: if the gate's weights do not fit its scorer.
    """
    gate = options.gate
    assert gate is not None
    changed = [[record for record in group if record.decision == "edited"] for group in groups]
    pairs = [
        (edit.record.question, text)
        for edit, group in zip(edits, changed, strict=True)
        if group
        for text in (edit.record.original, *(record.text for record in group))
    ]
    scores: Iterator[Mapping[str, float]] = iter(())
    error: Exception | None = None
    if pairs:
        try:
            scores = iter(scores_of(await caller.call(gate.scorer.score_all, pairs), len(pairs)))
        except MetaAlignerError:
            raise
        except Exception as failed:  # a scorer that fails must not cost the user the draft
            error = failed
    for edit, group, better in zip(edits, groups, changed, strict=True):
        same = next((record for record in group if record.decision == "unchanged"), None)
        if not better:
            edit.record = same or group[0]
        elif error is not None:
            edit.error = error
            edit.record = keep(better[0], failure(error), rejected=better[0].text)
        else:
            verdict = gate.choose(next(scores), [next(scores) for _ in better])
            edit.record = _chosen(better[verdict.best], same, verdict)


def _chosen(best: Alignment, same: Alignment | None, verdict: Verdict) -> Alignment:
    if verdict.refusal is None:
        return replace(best, scores=verdict.scores)
    if same is not None:
        return replace(same, scores=verdict.scores)
    return keep(best, verdict.refusal, rejected=best.text, scores=verdict.scores)
