"""Answers to prompts, waited for: `complete` and its async twin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError

from langchain_core.runnables.config import run_in_executor

from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.row import Claim, Completion, Decoding, Row
from langchain_metaaligner.decode.scheduler import scheduler_for
from langchain_metaaligner.decode.sharing import Request
from langchain_metaaligner.errors import LateError

Drafts = Mapping[str, str]
"""The draft of each prompt."""


def complete(
    model: DecoderModel,
    prompts: Sequence[str],
    decoding: Decoding,
    shared: bool = True,
    drafts: Drafts | None = None,
    claim: Claim | None = None,
    deadline: float | None = None,
) -> list[Completion]:
    """Answer all prompts, in as few forward passes as memory allows.

    Args:
        model: what answers.
        prompts: any number of prompts.
        decoding: how to decode.
        shared: whether they share forward passes with the calls of other threads.
        drafts: what the answers are expected to copy for the most part, by prompt.
        claim: who waits; by itself the thread that calls.
        deadline: when the caller waits no longer, by `time.monotonic`; None: never. Decoding of
            what is not complete then ends at the next pass.

    Returns:
        One completion per prompt, in the order of the prompts.

    Raises:
        SettingError: when a prompt leaves no room in the model's context.
        CancelledError: when the claim lapses before all are made.
        LateError: when they are not complete by the deadline, with those that are.
        torch.cuda.OutOfMemoryError: when a single prompt does not fit.
    """
    claim = claim or Claim()
    rows = _rows(model, prompts, decoding, drafts, claim)
    if shared:
        request = model.shared.of(model, decoding).submit(Request(rows, claim))
        if not request.result(_left(deadline)):
            raise _late(prompts, rows)
    else:
        scheduler = scheduler_for(model, decoding)
        scheduler.put(rows)
        while scheduler.busy:
            if claim.lapsed:
                raise CancelledError
            if _left(deadline) == 0:
                raise _late(prompts, rows)
            for _, error in scheduler.turn():
                if error is not None:
                    raise error
    return [row.completion() for row in rows]


async def acomplete(
    model: DecoderModel,
    prompts: Sequence[str],
    decoding: Decoding,
    shared: bool = True,
    drafts: Drafts | None = None,
    deadline: float | None = None,
) -> list[Completion]:
    """The async twin of `complete`; a cancelled call leaves its batch at the next pass."""
    claim = Claim()
    try:
        if not shared:
            return await run_in_executor(
                None, complete, model, prompts, decoding, False, drafts, claim, deadline
            )
        rows = await run_in_executor(None, _rows, model, prompts, decoding, drafts, claim)
        request = Request(rows, claim)
        done = asyncio.wrap_future(model.shared.of(model, decoding).submit(request).done)
        await asyncio.wait_for(done, _left(deadline))
    except asyncio.TimeoutError:
        claim.cancel()
        raise _late(prompts, rows) from None
    except asyncio.CancelledError:
        claim.cancel()
        raise
    return [row.completion() for row in request.rows]


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _late(prompts: Sequence[str], rows: Sequence[Row]) -> LateError:
    """The error of a call that is late, with the answers that are complete."""
    return LateError(
        (prompt, None if row.open else row.completion())
        for prompt, row in zip(prompts, rows, strict=True)
    )


def _rows(
    model: DecoderModel,
    prompts: Sequence[str],
    decoding: Decoding,
    drafts: Drafts | None,
    claim: Claim,
) -> list[Row]:
    known = drafts or {}
    return [Row(prompt, model, decoding, known.get(prompt), claim) for prompt in prompts]
