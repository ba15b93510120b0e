"""Guesses of an edit's next tokens, and how many of them are worth a look.

An edit mostly copies the draft answer that stands in its prompt. A `Pointer` follows the edit
through that answer and says what would come next. `Pace` remembers how often such guesses came
true and what a forward pass costs, so that as many are verified as pay off, down to none.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_metaaligner.decode.phrases import Phrases

MOST = 256
"""Guesses that are looked at in one row, at most."""

_REACH = 40  # tokens that an edit may take out at once and still be followed by a single match
_LONGEST_MATCH = 4
_NEIGHBOURS = 12  # places of a token that are looked at on either side
_MEMORY = 64  # passes after which a size that did not occur is looked at afresh
_HOPELESS = 0.01  # chance below which nobody looks further ahead
_STRIDE = 4  # numbers of guesses are compared in such steps
_WORTH = 1.05  # guesses must promise to be so many times faster than none
_FIRM = 2  # tokens that match, from which on a place is no accident
_STEADY = 8  # tokens foretold in a row, beyond which a pointer is as good as it gets


class Pointer:
    """Where an edit stands in the text that it copies.

    Args:
        source: token ids that may be copied: those of the draft, and others behind them.
        end: index behind the draft's last token.
        phrases: what earlier edits wrote on their own; what this one does is added.

    Attributes:
        foretold: how many tokens in a row it has foretold, or matched where it came back.

    >>> pointer = Pointer([8, 9, 10, 11, 7], 4)
    >>> pointer.guess(3)
    [8, 9, 10]
    >>> pointer.follow([8, 10])  # 9 was taken out
    >>> pointer.guess(3)
    [11]
    """

    def __init__(self, source: Sequence[int], end: int, phrases: Phrases | None = None) -> None:
        self._source = source
        self._phrases = Phrases() if phrases is None else phrases
        self._phrase: list[int] = []  # what is expected to be written, before the source goes on
        self._own: list[int] | None = None  # what was written that nothing foretold
        self._strays = 0  # tokens in a row that nothing foretold
        self._at = 0
        self._end = end
        self._anchor = 0
        self._tail: list[int] = []
        self._places: dict[int, list[int]] = {}
        for place, token in enumerate(source):
            self._places.setdefault(token, []).append(place)
        self.foretold = _STEADY  # an edit mostly begins as its draft does

    def guess(self, most: int) -> list[int]:
        """The tokens that would come next if the edit went on as it does, at most ``most``."""
        if self._phrase:
            return self._phrase[:most]
        end = self._end if self._at <= self._end else len(self._source)
        return list(self._source[self._at : min(self._at + most, end)])

    def follow(self, tokens: Sequence[int]) -> None:
        """Take note of the tokens that the model really made."""
        for token in tokens:
            self._tail.append(token)
            if self._phrase and self._phrase[0] == token:
                self._phrase = self._phrase[1:] or self._phrases.after(self._tail)
                self.foretold += 1
                continue
            self._phrase = []
            if self._at < len(self._source) and self._source[self._at] == token:
                self._at += 1
                self._anchor = self._at
                self.foretold += 1
            else:
                self.foretold = self._realign(token)
                if self.foretold <= _FIRM and (phrase := self._phrases.after(self._tail)):
                    self._phrase, self.foretold = phrase, _FIRM
            self._remember(token)
        del self._tail[:-_LONGEST_MATCH]

    def _remember(self, token: int) -> None:
        """Add a token to what the edit writes on its own, if it does."""
        self._strays = 0 if self.foretold >= _FIRM else self._strays + 1
        if self._own is not None:
            self._phrases.write([token], self._own)
        elif self._strays > _FIRM:
            self._own = self._phrases.write(self._tail[-_LONGEST_MATCH:])
        if self.foretold > _FIRM:
            self._own = None

    def _realign(self, token: int) -> int:
        """Find the place that the edit goes on from: the longest match, the nearest of these.

        Returns:
            The length of the match; 0 where there is none.
        """
        places = self._places.get(token, [])
        middle = bisect.bisect_left(places, self._anchor)
        best, chosen = (1, 0), None
        for place in places[max(0, middle - _NEIGHBOURS) : middle + _NEIGHBOURS]:
            length = self._match(place)
            if length > 1 or 0 <= place - self._anchor <= _REACH:
                score = (length, -abs(place - self._anchor))
                if chosen is None or score > best:
                    best, chosen = score, place
        if chosen is None:
            self._at = min(self._at + 1, len(self._source))  # as if a token had been replaced
            return 0
        self._at = self._anchor = chosen + 1
        return best[0]

    def _match(self, place: int) -> int:
        """How many of the last tokens made stand before and at a place of the source."""
        length = 0
        for token in reversed(self._tail):
            if place - length < 0 or self._source[place - length] != token:
                break
            length += 1
        return length


@dataclass
class Pace:
    """What guesses and forward passes of one checkpoint were worth so far.

    Attributes:
        costs: seconds of a pass by the number of its tokens.
    """

    costs: dict[int, float] = field(default_factory=dict)
    _passes: int = 0
    _measured: dict[int, int] = field(default_factory=dict)
    _right: list[float] = field(default_factory=lambda: [0.6 + 0.04 * n for n in range(9)])
    _tried: list[float] = field(default_factory=lambda: [1.0] * 9)

    def passed(self, tokens: int, seconds: float) -> None:
        """Take note of what a pass over ``tokens`` tokens took."""
        tokens = rounded_up(tokens)
        self._passes += 1
        if tokens not in self._measured:  # the first of its size also pays for what is prepared
            self._measured[tokens] = self._passes
            return
        self._measured[tokens] = self._passes
        known = self.costs.get(tokens, seconds)
        # A pass is only ever slowed down by chance: what is faster counts more.
        weight = 0.5 if seconds < known else 0.1
        self.costs[tokens] = weight * seconds + (1 - weight) * known
        for size in [one for one in self.costs if self._passes - self._measured[one] > _MEMORY]:
            del self.costs[size]  # it may have been bad luck, or other times

    def cost(self, tokens: int) -> float:
        """Seconds that a pass over ``tokens`` tokens may take.

        Between known numbers it is interpolated; a smaller pass is never dearer than a larger one.
        Below the least known number it is taken to fall in proportion, down to a quarter:
        optimism, so that smaller passes are tried.
        """
        if not self.costs:
            return 1.0
        tokens = rounded_up(tokens)
        sizes = sorted(self.costs)
        above = bisect.bisect_left(sizes, tokens)
        if above == len(sizes):
            return self.costs[sizes[-1]] * tokens / sizes[-1]
        high = min(self.costs[size] for size in sizes[above:])
        if above == 0:
            return high * max(0.25, tokens / sizes[0])
        low = min(high, self.costs[sizes[above - 1]])
        share = (tokens - sizes[above - 1]) / (sizes[above] - sizes[above - 1])
        return (1 - share) * low + share * high

    def chance(self, foretold: int) -> float:
        """How likely the next guess is right, after ``foretold`` right ones in a row."""
        state = min(foretold, _STEADY)
        return self._right[state] / self._tried[state]

    def learned(self, foretold: int, right: bool) -> None:
        """Take note of one guess made after ``foretold`` right ones in a row."""
        state = min(foretold, _STEADY)
        self._right[state] = 0.97 * self._right[state] + right
        self._tried[state] = 0.97 * self._tried[state] + 1.0


def rounded_up(tokens: int) -> int:
    """The next number that has no more than four leading bits: so many sizes of a pass occur.

    >>> [rounded_up(tokens) for tokens in (1, 15, 17, 100, 1969)]
    [1, 15, 18, 104, 2048]
    """
    shift = max(0, (tokens - 1).bit_length() - 4)
    return -(-tokens >> shift << shift)


class Track:
    """One answer on its way: its pointer, and how well that does beside the others of its `Pace`.

    Args:
        pointer: where the edit stands.
        pace: what is known of other answers.
    """

    def __init__(self, pointer: Pointer, pace: Pace) -> None:
        self.pointer = pointer
        self._pace = pace
        self._right = [0.0] * (_STEADY + 1)
        self._tried = [0.0] * (_STEADY + 1)

    def reaches(self, most: int) -> list[float]:
        """How likely the first, the second, … guess comes true, ``most`` of them at most."""
        reaches, reached = list[float](), 1.0
        for depth in range(most):
            reached *= self._chance(self.pointer.foretold + depth)
            if reached < _HOPELESS:
                break
            reaches.append(reached)
        return reaches

    def verified(self, guesses: Sequence[int], right: int) -> None:
        """Take note that the first ``right`` of the guesses came true, and the next did not."""
        before = self.pointer.foretold
        for depth in range(min(right + 1, len(guesses))):
            state, came_true = min(before + depth, _STEADY), depth < right
            self._right[state] = 0.9 * self._right[state] + came_true
            self._tried[state] = 0.9 * self._tried[state] + 1.0
            self._pace.learned(state, came_true)

    def _chance(self, foretold: int) -> float:
        state = min(foretold, _STEADY)
        shared = self._pace.chance(state)
        return (self._right[state] + 2.0 * shared) / (self._tried[state] + 2.0)


def best_numbers(reaches: Sequence[Sequence[float]], pace: Pace) -> list[int]:
    """How many guesses of each row to verify, so that a pass brings the most tokens a second.

    The likeliest guesses of all rows come first, as many as pay off.

    Args:
        reaches: for each row how likely its guesses come true (`Track.reaches`).
        pace: what passes cost.
    """
    rows = len(reaches)
    ranked = sorted(
        ((chance, row) for row, chances in enumerate(reaches) for chance in chances),
        key=lambda one: -one[0],
    )
    brought = float(rows)
    best, taken = _WORTH * brought / pace.cost(rows), 0
    for number, (chance, _) in enumerate(ranked, 1):
        brought += chance
        if number % _STRIDE == 0 or number == len(ranked) or number < _STRIDE:
            speed = brought / pace.cost(rows + number)
            if speed > best:
                best, taken = speed, number
    numbers = [0] * rows
    for _, row in ranked[:taken]:
        numbers[row] += 1
    return numbers
