"""What edits of a checkpoint write that stands in none of their drafts.

Edits put the same things in over and over: an offer of help, a caveat, a closing line. What the
draft cannot foretell, the edits before it often can, and those that are made beside it. They are
guesses only, which the model confirms or not: no text crosses from one edit to another. What can
be noticed is that a phrase that somebody wrote before comes faster. So phrases belong to a tenant,
and those of one are never found for another; ``Phrases(most=0)`` remembers none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

MOST = 65_536
"""Pairs of tokens that are remembered, at most: 0.7 MB were measured for 3,462 pairs, so 15 MB."""

_LONGEST = 64  # tokens foretold at once: more than any line has that edits add


class Phrases:
    """Remembered phrases, found again by two tokens; for any number of threads.

    Args:
        most: pairs of tokens that are remembered; the oldest give way. 0 remembers nothing.

    >>> phrases = Phrases()
    >>> _ = phrases.write([4, 20, 21, 22, 2])
    >>> phrases.after([9, 4, 20])
    [21, 22, 2]
    >>> phrases.after([9, 20])
    []
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._places: OrderedDict[tuple[str | None, int, int], tuple[list[int], int]] = (
            OrderedDict()
        )
        self._lock = Lock()

    def __len__(self) -> int:
        """How many pairs are remembered."""
        return len(self._places)

    def write(
        self, tokens: Sequence[int], phrase: list[int] | None = None, tenant: str | None = None
    ) -> list[int]:
        """Add tokens to a phrase, by itself to a new one; they can be found at once.

        Args:
            tokens: what comes next in the phrase.
            phrase: what `write` returned for its tokens so far.
            tenant: who may find it.

        Returns:
            The phrase, to go on with.
        """
        phrase = [] if phrase is None else phrase
        with self._lock:
            for token in tokens:
                phrase.append(token)
                end = len(phrase)
                if end > 2:  # what was foretold wrongly is foretold anew
                    pair = tenant, phrase[-3], phrase[-2]
                    known, place = self._places.get(pair, (phrase, end - 1))
                    if known[place : place + 1] != [token]:
                        self._places[pair] = phrase, end - 1
                if end > 1:
                    self._places.setdefault((tenant, phrase[-2], token), (phrase, end))
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        return phrase

    def after(self, made: Sequence[int], tenant: str | None = None) -> list[int]:
        """What followed the last two of these tokens where a tenant wrote them."""
        if len(made) < 2:
            return []
        pair = tenant, made[-2], made[-1]
        with self._lock:
            if pair not in self._places:
                return []
            self._places.move_to_end(pair)  # what is used goes last
            phrase, place = self._places[pair]
            return phrase[place : place + _LONGEST]

    def after_fork(self) -> None:
        """Go on in a child process, where the thread that held the lock is no more."""
        self._lock = Lock()
