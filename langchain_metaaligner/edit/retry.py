"""Another try after a refused edit: what is asked then, and what the record counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.plan import Edit, plan
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.edit.verdict import TIMEOUT

NO_EDIT = ("empty", "looping", "truncated")
"""Reasons of outputs that were none, of which there need be no refused text."""


def may_differ(edit: Edit, options: EditOptions) -> bool:
    """Whether another try can give another edit: one was refused, and can be asked otherwise."""
    record = edit.record
    refused = record.decision == "kept" and (record.rejected or record.reason in NO_EDIT)
    in_time = edit.error is None and edit.deadline.left() != 0
    return (
        bool(refused) and in_time and (options.retry_by == "sampling" or len(edit.objectives) > 1)
    )


async def begin_again(
    edits: Sequence[Edit], number: int, options: EditOptions, caller: Caller
) -> EditOptions:
    """Prepare another try of some edits.

    Args:
        edits: those that were refused.
        number: which try after the first this is, from 1 on.
        options: those of the aligner.
        caller: how the model is called.

    Returns:
        The options of this try.
    """
    if options.retry_by == "sampling":
        return replace(options, editor=options.editor.sampling(seed=number))
    for edit in edits:
        first = number % len(edit.objectives)
        order = (*edit.objectives[first:], *edit.objectives[:first])
        aspects = options.template.aspects(order)
        planned = await caller.call(
            plan, edit.exchange, options.template, aspects, options.editor.fits
        )
        if planned.prompt is not None:
            edit.guard, edit.draft, edit.prompt = planned.guard, planned.draft, planned.prompt
    return options


def begun_again(record: Alignment) -> Alignment:
    """The record of an answer at the beginning of another try."""
    return replace(
        record,
        decision="unchanged",
        reason=None,
        detail=None,
        rejected=None,
        scores=None,
        seconds=None,
        prompt_tokens=None,
        completion_tokens=None,
    )


def added(before: Alignment, after: Alignment) -> Alignment:
    """The record of an answer after another try, with the cost of all.

    Where the try failed or is late, the refusal before it stands.
    """
    costs: dict[str, Any] = {
        name: _sum(getattr(before, name), getattr(after, name))
        for name in ("seconds", "prompt_tokens", "completion_tokens")
    }
    last = before if after.reason in ("error", TIMEOUT.reason) else after
    return replace(last, tries=before.tries + 1, **costs)


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other
