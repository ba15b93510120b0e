"""What an edit changed, as a person would mark it: by sentence first, then by word.

A diff of words alone finds the few words that two different sentences share, and shreds both. So
sentences are matched first: one that is gone or new is marked whole, and only two versions of the
same sentence are compared word by word. A word or two that stay between two longer changes are
marked with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Change = Literal["same", "removed", "added"]
Piece = tuple[Change, str]

_SENTENCES = re.compile(r".+?(?:[.!?…。！？]+[\"'”’)\]*_]*(?=\s|$)|\n|$)\s*|\s+", re.DOTALL)
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_ALIKE = 0.5  # share of words from which on two sentences are versions of one
_ISLAND = 3  # words from which on what stayed is worth showing, whatever is around it
_LONGEST = 400  # sentences that are compared in pairs: the work grows with their square


def changes(before: str, after: str) -> Iterator[Piece]:
    """The pieces of two texts in reading order, with what became of each.

    The pieces that are the same or removed are the first text, those that are the same or added
    the second.

    >>> list(changes("It is blue, duh.", "It is blue."))
    [('same', 'It is blue'), ('removed', ', duh'), ('same', '.')]
    >>> list(changes("Rinse it. Nobody likes you.", "Rinse it. Let me know if it helps."))[1:]
    [('removed', 'Nobody likes you.'), ('added', 'Let me know if it helps.')]
    """
    was, now = _SENTENCES.findall(before), _SENTENCES.findall(after)
    return _joined(_by_sentence(was, now))


def _by_sentence(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        if operation == "equal":
            yield "same", "".join(before[start:end])
        else:
            yield from _versions(before[start:end], after[new_start:new_end])


def _versions(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    """Sentences of which none stayed as it was: alike ones word by word, the others whole."""
    at = new_at = 0
    for place, new_place in _alike(before, after):
        yield from _whole(before[at:place], after[new_at:new_place])
        yield from _by_word(before[place], after[new_place])
        at, new_at = place + 1, new_place + 1
    yield from _whole(before[at:], after[new_at:])


def _whole(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    yield "removed", "".join(before)
    yield "added", "".join(after)


def _alike(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of sentences that are versions of one, in reading order."""
    if len(before) * len(after) > _LONGEST:
        return
    words = [re.findall(r"\w+", sentence) for sentence in after]
    start = 0
    for place, sentence in enumerate(before):
        matcher = SequenceMatcher(b=re.findall(r"\w+", sentence), autojunk=False)
        best, best_place = _ALIKE, None
        for new_place in range(start, len(after)):
            matcher.set_seq1(words[new_place])
            if matcher.real_quick_ratio() > best and matcher.ratio() > best:
                best, best_place = matcher.ratio(), new_place
        if best_place is not None:
            yield place, best_place
            start = best_place + 1


def _by_word(before: str, after: str) -> Iterator[Piece]:
    """Two versions of a sentence, without the islands that stayed between larger changes."""
    was, now = _WORDS.findall(before), _WORDS.findall(after)
    runs: list[tuple[str, str]] = []  # what stood, what stands; both alike where it stayed
    for _, start, end, new_start, new_end in SequenceMatcher(
        a=was, b=now, autojunk=False
    ).get_opcodes():
        runs.append(("".join(was[start:end]), "".join(now[new_start:new_end])))
        while len(runs) > 2 and _is_island(*runs[-3:]):
            removed, added = zip(*runs[-3:], strict=True)
            runs[-3:] = [("".join(removed), "".join(added))]
    for old, new in runs:
        if old == new:
            yield "same", old
        else:
            yield "removed", old
            yield "added", new


def _is_island(left: tuple[str, str], middle: tuple[str, str], right: tuple[str, str]) -> bool:
    """Whether what stayed between two changes is a word or two, and shorter than either."""
    if left[0] == left[1] or middle[0] != middle[1] or right[0] == right[1]:
        return False
    size, words = len(middle[0]), len(re.findall(r"\w+", middle[0]))
    shorter = size <= max(map(len, left)) and size <= max(map(len, right))
    return not words or (words < _ISLAND and shorter)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbouring pieces of one kind as one; of a change, what was removed comes first."""
    for unchanged, group in groupby(
        (piece for piece in pieces if piece[1]), key=lambda piece: piece[0] == "same"
    ):
        found = list(group)
        if unchanged:
            yield "same", "".join(text for _, text in found)
            continue
        for kind in ("removed", "added"):
            text = "".join(text for change, text in found if change == kind)
            if text:
                yield kind, text
