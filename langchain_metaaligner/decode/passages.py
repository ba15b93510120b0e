"""A text in words, clauses and sentences: the passages that an extractive edit can take out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WORD, CLAUSE, SENTENCE = 1, 2, 3
"""How far back from a word something reaches: the word, its clause, its sentence."""

_WORD = re.compile(r"\S+")
_FINAL = re.compile(r"[.!?…]+[\"'”’)\]*_]*$")
_CLAUSE_END = re.compile(r"(?:[,;:)]|\w[—–])[\"'”’*_]*$")
_DASH = re.compile(r"[—–(-]")
_MARKER = re.compile(r"[-*+•>]|#{1,6}|\(?\w{1,2}[.)]")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|Dr|Mr|Mrs|Ms|St|No|approx)|^\(?[A-Z])\.$")


class Word(NamedTuple):
    """A word with the marks on it.

    Attributes:
        start: its first character in the text.
        end: the one behind its last.
        clause: number of the first word of its clause.
        sentence: number of the first word of its sentence.
        ends: the longest of what ends with it: `WORD`, `CLAUSE` or `SENTENCE`.
    """

    start: int
    end: int
    clause: int
    sentence: int
    ends: int


def words(text: str) -> list[Word]:
    """Cut a text into words, and tell which clause and sentence each belongs to.

    A line is never part of the sentence before it, nor is the bullet, number or heading mark that
    it begins with part of its own.

    >>> [(w.clause, w.sentence, w.ends) for w in words("Well, no. Go")]
    [(0, 0, 2), (1, 0, 3), (2, 2, 3)]
    """
    found = list(_WORD.finditer(text))
    cut: list[Word] = []
    clause = sentence = 0
    for number, match in enumerate(found):
        follower = found[number + 1] if number + 1 < len(found) else None
        first = number == 0 or "\n" in text[found[number - 1].end() : match.start()]
        ends = SENTENCE if first and _MARKER.fullmatch(match[0]) else _ends(text, match, follower)
        cut.append(Word(match.start(), match.end(), clause, sentence, ends))
        if ends >= CLAUSE:
            clause = number + 1
        if ends == SENTENCE:
            sentence = number + 1
    return cut


def _ends(text: str, word: re.Match[str], follower: re.Match[str] | None) -> int:
    if follower is None or "\n" in text[word.end() : follower.start()]:
        return SENTENCE
    if _FINAL.search(word[0]) and not _ABBREVIATION.search(word[0]):
        return SENTENCE
    if _CLAUSE_END.search(word[0]) or _DASH.match(follower[0]):
        return CLAUSE
    return WORD


def final_mark(text: str) -> str:
    """The mark at the end of a sentence, with what closes behind it; empty where there is none."""
    match = _FINAL.search(text)
    return match[0] if match else ""


def line_marks(text: str, words: Sequence[Word]) -> Iterator[tuple[int, range]]:
    """The bullets, numbers and heading marks of a text, each with the words of its line."""
    starts = [
        number
        for number, word in enumerate(words)
        if number == 0 or "\n" in text[words[number - 1].end : word.start]
    ]
    for start, behind in zip(starts, [*starts[1:], len(words)], strict=True):
        if behind - start > 1 and _MARKER.fullmatch(text[words[start].start : words[start].end]):
            yield start, range(start + 1, behind)
