"""Drafts with their flaws marked: one of them makes many pairs of a draft and its edit.

A flaw stands inline with its repair, ``{{objective:flawed text||repaired text}}``; the repair may
be empty, and marks do not nest. The left sides make the draft as it was found. The right sides of
the objectives asked for, with the left ones of all others, make the edit. A draft without a mark is
to be left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.tables.jsonl import json_lines
from langchain_metaaligner.tables.problems import Problems

_MARK = re.compile(r"\{\{([a-z_]+):(.*?)\|\|(.*?)\}\}", re.DOTALL)
#: What begins or ends as a mark does; other double braces are text, as in code and formulas.
_BROKEN = re.compile(rf"\{{\{{\s*(?:\w+\s*:[^{{}}]*\|\||(?i:{'|'.join(KNOWN)})\s*:)")
_LEADING, _TRAILING = re.compile(r"\s*\S+|\s+$"), re.compile(r"\S+\s*|^\s+")


class Piece(NamedTuple):
    """A stretch of a marked draft.

    Attributes:
        found: the text as it was found.
        repaired: the text as it should be; the same where nothing is wrong.
        objective: whose flaw it is; None where nothing is wrong.
    """

    found: str
    repaired: str
    objective: str | None = None


class Span(NamedTuple):
    """Where something stands in a text, in characters.

    Attributes:
        start: its first character.
        end: the one behind its last.
        objective: whose flaw it is.
    """

    start: int
    end: int
    objective: str


class Rendered(NamedTuple):
    """A draft and its edit, with the places that matter.

    Attributes:
        draft: what the aligner is given.
        edit: what it should answer.
        going: the flaws in ``draft`` that the edit takes out.
        staying: the flaws in ``draft`` that nobody asked to repair.
        kept: the same in ``edit``.
        written: what stands in ``edit`` in the place of flaws.
    """

    draft: str
    edit: str
    going: tuple[Span, ...]
    staying: tuple[Span, ...]
    kept: tuple[Span, ...]
    written: tuple[Span, ...]


@dataclass(frozen=True)
class MarkedDraft:
    """A question and a draft answer in which flaws are marked.

    Attributes:
        question: what was asked.
        pieces: the answer; joined, their left sides are the draft.

    >>> marked = MarkedDraft.parse("Why?", "{{harmless:Dimwit, because||Because}} it rains.")
    >>> marked.render(["harmless"]).edit
    'Because it rains.'
    >>> marked.render(["length"]).edit
    'Dimwit, because it rains.'
    """

    question: str
    pieces: tuple[Piece, ...]

    @staticmethod
    def parse(question: str, marked: str) -> MarkedDraft:
        """Read an answer with marks.

        Raises:
            DataError: if a mark is broken, names no known objective, or changes nothing.
        """
        pieces: list[Piece] = []
        at = 0
        for match in _MARK.finditer(marked):
            objective, found, repaired = match.groups()
            _check_mark(objective, found, repaired, match.group())
            plain = marked[at : match.start()]
            pieces += [Piece(plain, plain)] if plain else []
            pieces.append(Piece(found, repaired, objective))
            at = match.end()
        rest = marked[at:]
        pieces += [Piece(rest, rest)] if rest else []
        for piece in pieces:
            _check_text(piece)
        draft = MarkedDraft(question, tuple(pieces))
        if not draft.text.strip():
            raise DataError("A draft is empty. Give a draft with some text.")
        return draft

    @property
    def text(self) -> str:
        """The draft as it was found."""
        return "".join(piece.found for piece in self.pieces)

    @property
    def objectives(self) -> frozenset[str]:
        """The objectives that the draft has flaws of."""
        return frozenset(piece.objective for piece in self.pieces if piece.objective)

    @property
    def flaws(self) -> tuple[int, ...]:
        """The indices of the pieces that are flaws."""
        return tuple(i for i, piece in enumerate(self.pieces) if piece.objective)

    def with_only(self, present: Collection[int]) -> MarkedDraft:
        """The draft with all flaws repaired but those of the given indices."""
        pieces = tuple(
            Piece(piece.repaired, piece.repaired) if piece.objective and i not in present else piece
            for i, piece in enumerate(self.pieces)
        )
        return MarkedDraft(self.question, tuple(piece for piece in pieces if piece.found))

    def render(self, asked: Collection[str]) -> Rendered:
        """Make the draft, and the edit for some objectives.

        White space that a flaw leaves at either end of the edit goes with it.

        Args:
            asked: the objectives that the edit is for.
        """
        draft = edit = ""
        going: list[Span] = []
        staying: list[Span] = []
        kept: list[Span] = []
        written: list[Span] = []
        for piece in self.pieces:
            shown = piece.found
            repairs = piece.objective in asked
            given = piece.repaired if repairs else shown
            if piece.objective:
                head, tail = _shared(piece.found, piece.repaired)
                here = Span(len(draft) + head, len(draft) + len(shown) - tail, piece.objective)
                there = Span(len(edit) + head, len(edit) + len(given) - tail, piece.objective)
                (going if repairs else staying).append(here)
                (written if repairs else kept).append(there)
            draft, edit = draft + shown, edit + given
        lead = len(edit) - len(edit.lstrip()) if not draft[:1].isspace() else 0
        edit = edit[lead:] if draft[-1:].isspace() else edit[lead:].rstrip()
        return Rendered(
            draft,
            edit,
            tuple(going),
            tuple(staying),
            _moved(kept, lead, len(edit)),
            _moved(written, lead, len(edit)),
        )


def read_marked(paths: Iterable[Path]) -> list[MarkedDraft]:
    """Read files of marked drafts: JSON lines with ``question`` and ``marked``.

    Raises:
        DataError: if there is no file, or a line cannot be read; the message names the line.
    """
    drafts = []
    files = sorted(paths)
    for path in files:
        for number, record in json_lines(path, Problems("raise")):
            question, marked = record.get("question"), record.get("marked")
            if not isinstance(question, str) or not isinstance(marked, str):
                raise DataError(
                    f"{path}, line {number}: a marked draft has the texts question and marked; "
                    f"this line has {', '.join(record) or 'nothing'}."
                )
            try:
                drafts.append(MarkedDraft.parse(question, marked))
            except DataError as error:
                raise DataError(f"{path}, line {number}: {error}") from None
    if not drafts:
        names = ", ".join(map(str, files)) or "no file"
        raise DataError(f"No marked drafts in {names}. Give JSON lines of question and marked.")
    return drafts


def _check_mark(objective: str, found: str, repaired: str, mark: str) -> None:
    if objective not in KNOWN:
        raise DataError(
            f"The mark {mark!r:.80} is for the objective {objective!r}, which is unknown."
            f"{nearest(objective, KNOWN)} Known objectives: {', '.join(KNOWN)}."
        )
    if found == repaired or not found.strip():
        raise DataError(
            f"The mark {mark!r:.80} has nothing to repair. Its left side is the flawed text, its "
            "right side what should stand there, or nothing."
        )


def _check_text(piece: Piece) -> None:
    for text in {piece.found, piece.repaired}:
        if broken := _BROKEN.search(text):
            raise DataError(
                f"A mark is broken at {text[broken.start() :]!r:.80}. Write a flaw as "
                "{{objective:flawed text||repaired text}}; marks do not nest."
            )


def _shared(found: str, repaired: str) -> tuple[int, int]:
    """Characters at the beginning and at the end that a repair keeps, in whole words."""
    left, right = _LEADING.findall(found), _LEADING.findall(repaired)
    least = min(len(left), len(right))
    head = len("".join(left[: next((i for i in range(least) if left[i] != right[i]), least)]))
    left, right = _TRAILING.findall(found[head:]), _TRAILING.findall(repaired[head:])
    least = min(len(left), len(right))
    tail = next((i for i in range(least) if left[-1 - i] != right[-1 - i]), least)
    return head, len("".join(left[len(left) - tail :]))


def _moved(spans: Iterable[Span], lead: int, length: int) -> tuple[Span, ...]:
    """The spans after ``lead`` characters were taken off the beginning, within the text."""
    return tuple(
        Span(max(0, min(length, span.start - lead)), max(0, min(length, span.end - lead)), span[2])
        for span in spans
    )
