"""What a rule needs of a value: its draft's language, also where the value comes in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_metaaligner.checks.language import language_of
from langchain_metaaligner.edit.exchange import read
from langchain_metaaligner.edit.stream import added_up
from langchain_metaaligner.errors import ShapeError


def draft_language(value: Any) -> str | None:
    """The language of the draft in a value; None where there is none, or it cannot be told."""
    try:
        return language_of(read(value).answer)
    except ShapeError:  # the aligner itself says so, or finds the answer by keys of its own
        return None


def whole(chunks: list[Any]) -> Any:
    """The value that came in pieces, as far as it matters for a rule."""
    try:
        values = added_up(chunks)
    except Exception:  # what adds up badly is the aligner's to refuse: no rule needs it
        return None
    return values[-1] if values else None


async def again(chunks: Sequence[Any]) -> AsyncIterator[Any]:
    """Pieces that have been read, as they came."""
    for chunk in chunks:
        yield chunk
