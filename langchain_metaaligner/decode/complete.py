"""Answers to prompts, waited for: `complete` and its async twin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError

from langchain_core.runnables.config import run_in_executor

from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.row import Claim, Completion, Decoding, Row
from langchain_metaaligner.decode.scheduler import scheduler_for
from langchain_metaaligner.decode.sharing import Request

Drafts = Mapping[str, str]
"""The draft of each prompt."""


def complete(
    model: DecoderModel,
    prompts: Sequence[str],
    decoding: Decoding,
    shared: bool = True,
    drafts: Drafts | None = None,
    claim: Claim | None = None,
) -> list[Completion]:
    """Answer all prompts, in as few forward passes as memory allows.

    Args:
        model: what answers.
        prompts: any number of prompts.
        decoding: how to decode.
        shared: whether they share forward passes with the calls of other threads.
        drafts: what the answers are expected to copy for the most part, by prompt.
        claim: who waits; by itself the thread that calls.

    Returns:
        One completion per prompt, in the order of the prompts.

    Raises:
        SettingError: when a prompt leaves no room in the model's context.
        CancelledError: when the claim lapses before all are made.
        torch.cuda.OutOfMemoryError: when a single prompt does not fit.
    """
    claim = claim or Claim()
    rows = _rows(model, prompts, decoding, drafts, claim)
    if shared:
        model.shared.of(model, decoding).submit(Request(rows, claim)).result()
    else:
        scheduler = scheduler_for(model, decoding)
        scheduler.put(rows)
        while scheduler.busy:
            if claim.lapsed:
                raise CancelledError
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
) -> list[Completion]:
    """The async twin of `complete`; a cancelled call leaves its batch at the next pass."""
    claim = Claim()
    try:
        if not shared:
            return await run_in_executor(
                None, complete, model, prompts, decoding, False, drafts, claim
            )
        rows = await run_in_executor(None, _rows, model, prompts, decoding, drafts, claim)
        request = Request(rows, claim)
        await asyncio.wrap_future(model.shared.of(model, decoding).submit(request).done)
    except asyncio.CancelledError:
        claim.cancel()
        raise
    return [row.completion() for row in request.rows]


def _rows(
    model: DecoderModel,
    prompts: Sequence[str],
    decoding: Decoding,
    drafts: Drafts | None,
    claim: Claim,
) -> list[Row]:
    known = drafts or {}
    return [Row(prompt, model, decoding, known.get(prompt), claim) for prompt in prompts]
