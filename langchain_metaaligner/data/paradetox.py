"""ParaDetox: rude sentences from social media with neutral versions by people.

Source: github.com/s-nlp/paradetox (CC0 1.0); a file of tab-separated rows, the rude sentence and
one to three neutral ones, under a line of headings. Punctuation stands apart, and much is in lower
case.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

from langchain_metaaligner.data.marked import Piece
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.text import open_text

LEAST_ALIKE = 0.6
"""How alike a neutral version must be to its rude one: others were written anew."""


def read_paradetox(path: Path) -> list[Piece]:
    """Read the sentences as flaws of *harmless*, each with the neutral version most like it.

    Sentences whose neutral versions are all too different, or differ in case alone, are left out.

    Raises:
        DataError: if there is no such file, or it holds no such sentences.
    """
    with open_text(path) as lines:
        rows = [line.rstrip("\r\n").split("\t") for line in lines][1:]
    pieces = [piece for row in rows if (piece := _piece(row)) is not None]
    if not pieces:
        raise DataError(
            f"{path} holds no ParaDetox rows. Give the tab-separated file of the repository, with "
            "a heading, a rude sentence first and its neutral versions after it."
        )
    return pieces


def _piece(row: list[str]) -> Piece | None:
    cells = [tidied(cell) for cell in row if cell.strip()]
    if len(cells) < 2:
        return None
    rude, *neutral = cells
    likeness, best = max((_likeness(rude, version), version) for version in neutral)
    if likeness < LEAST_ALIKE or best.lower() == rude.lower():
        return None
    return Piece(rude, _as_begun(rude, best), "harmless")


def _likeness(first: str, second: str) -> float:
    return SequenceMatcher(None, first.lower(), second.lower()).ratio()


def _as_begun(model: str, text: str) -> str:
    """The text with a first letter of the model's case: the edit keeps what it need not change."""
    if not (model[:1].isalpha() and text[:1].isalpha()):
        return text
    first = text[0].upper() if model[0].isupper() else text[0].lower()
    return first + text[1:]


def tidied(text: str) -> str:
    """A sentence with its punctuation where it belongs.

    >>> tidied("well , that 's what you get !")
    "well, that's what you get!"
    """
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([.,!?;:%])", r"\1", text)
    text = re.sub(r" '(?=(?:s|t|re|ve|ll|d|m)\b)", "'", text)
    return re.sub(r"n ' t\b", "n't", text)
