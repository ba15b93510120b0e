"""Which answers the model is asked about: those for which there is a place, and that need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.need import BoundNeed
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.edit.verdict import BUSY, NOT_NEEDED, failure, keep
from langchain_metaaligner.errors import MetaAlignerError


@contextmanager
def admitted(asked: Sequence[Edit], options: EditOptions) -> Iterator[Sequence[Edit]]:
    """Those answers for which there is a place, for as long as the block lasts."""
    with options.places.taken(len(asked)) as number:
        for edit in asked[number:]:
            edit.prompt, edit.record = None, keep(edit.record, BUSY)
        yield asked[:number]


async def needed(edits: Sequence[Edit], when: BoundNeed | None, caller: Caller) -> list[Edit]:
    """The answers that are to be edited; of the others the draft stands.

    A predicate that fails leaves the draft too, with the reason ``error``.
    """
    if when is None:
        return list(edits)
    answers = await caller.each([_is_needed(edit, when, caller) for edit in edits])
    return [edit for edit, is_needed in zip(edits, answers, strict=True) if is_needed]


async def _is_needed(edit: Edit, when: BoundNeed, caller: Caller) -> bool:
    refusal = NOT_NEEDED
    try:
        if await when.says(edit, caller):
            return True
    except MetaAlignerError:
        raise
    except Exception as error:  # the predicate is the user's code: it must not cost them the answer
        edit.error, refusal = error, failure(error)
    edit.prompt, edit.record = None, keep(edit.record, refusal)
    return False
