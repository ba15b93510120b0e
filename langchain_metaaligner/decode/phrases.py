"""What edits of a checkpoint write that stands in none of their drafts.

Edits put the same things in over and over: an offer of help, a caveat, a closing line. What the
draft cannot foretell, the edits before it often can, and those that are made beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

_MOST = 65_536  # pairs of tokens that are remembered, at most
_LONGEST = 64  # tokens that are foretold at once


class Phrases:
    """Remembered phrases, found again by two tokens; for any number of threads.

    >>> phrases = Phrases()
    >>> _ = phrases.write([4, 20, 21, 22, 2])
    >>> phrases.after([9, 4, 20])
    [21, 22, 2]
    >>> phrases.after([9, 20])
    []
    """

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], tuple[list[int], int]] = {}
        self._lock = Lock()

    def write(self, tokens: Sequence[int], phrase: list[int] | None = None) -> list[int]:
        """Add tokens to a phrase, by itself to a new one; they can be found at once.

        Args:
            tokens: what comes next in the phrase.
            phrase: what `write` returned for its tokens so far.

        Returns:
            The phrase, to go on with.
        """
        phrase = [] if phrase is None else phrase
        with self._lock:
            if len(self._places) > _MOST:
                self._places.clear()
            for token in tokens:
                phrase.append(token)
                end = len(phrase)
                if end > 2:  # what was foretold wrongly is foretold anew
                    pair = phrase[-3], phrase[-2]
                    known, place = self._places.get(pair, (phrase, end - 1))
                    if known[place : place + 1] != [token]:
                        self._places[pair] = phrase, end - 1
                if end > 1:
                    self._places.setdefault((phrase[-2], token), (phrase, end))
        return phrase

    def after(self, made: Sequence[int]) -> list[int]:
        """What followed the last two of these tokens where they were remembered."""
        if len(made) < 2:
            return []
        with self._lock:
            phrase, place = self._places.get((made[-2], made[-1]), ([], 0))
            return phrase[place : place + _LONGEST]
