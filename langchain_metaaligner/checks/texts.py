"""Sentences of a text, and how long a text is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.errors import SettingError

_SENTENCE = re.compile(r"\S.*?(?:[.!?…][\"'”’»)\]]*(?=\s|$)|[。！？।]|$)", re.MULTILINE)


def sentences(text: str) -> list[str]:
    r"""The sentences and lines of a text, without white space around them.

    >>> sentences("Wash it cold. Dry it flat!\n- Done")
    ['Wash it cold.', 'Dry it flat!', '- Done']
    """
    return [part.strip() for part in _SENTENCE.findall(text)]


def new_sentences(draft: str, edit: str) -> list[str]:
    """The sentences of an edit that do not stand in the draft word for word.

    >>> new_sentences("Wash it cold. Go away.", "Wash it cold. Let me know how it goes.")
    ['Let me know how it goes.']
    """
    old = set(sentences(draft))
    return [sentence for sentence in sentences(edit) if sentence not in old]


@dataclass(frozen=True)
class LengthKept:
    """Refuses an edit that is much longer or shorter than the draft, counted in characters.

    Args:
        longer: by which part of the draft's length an edit may be longer: 0.5 is half as long
            again. None sets no limit.
        shorter: by which part of it an edit may be shorter, from 0 to 1. None sets no limit.

    Raises:
        SettingError: if neither is a limit, or one of them is out of its range.

    >>> LengthKept(longer=0.5)("It is blue.", "It is blue. " * 3).reason
    'length'
    """

    longer: float | None = 1.0
    shorter: float | None = 0.75

    def __post_init__(self) -> None:
        _require_part("longer", self.longer, most=math.inf)
        _require_part("shorter", self.shorter, most=1)
        if self.longer is None and self.shorter is None:
            raise SettingError("LengthKept has no limit. Give longer=, shorter=, or both.")

    def __call__(self, draft: str, edit: str) -> Refusal | None:
        """The refusal, or None."""
        before, after = len(draft.strip()), len(edit.strip())
        too_long = self.longer is not None and after > before * (1 + self.longer)
        too_short = self.shorter is not None and after < before * (1 - self.shorter)
        if not too_long and not too_short:
            return None
        return Refusal("length", f"The edit has {after:,} characters, the draft {before:,}.")


def _require_part(name: str, value: float | None, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 <= value <= most):
        allowed = "from 0 on" if math.isinf(most) else f"from 0 to {most}"
        raise SettingError(f"LengthKept: {name}={value!r}. Give a number {allowed}, or None.")
