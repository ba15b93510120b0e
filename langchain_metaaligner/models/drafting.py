"""Guesses of an edit's next tokens, and how many of them are worth a look.

An edit mostly copies the draft answer that stands in its prompt. A `Pointer` follows the edit
through that answer and says what would come next. `Pace` remembers how often such guesses came
true and what a forward pass costs, so that as many are verified as pay off, down to none.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Tokens of a row in one pass: the one that is certain, and the guessed ones after it."""

_REACH = 8  # tokens that an edit may take out at once and still be followed by a single match
_LONGEST_MATCH = 4
_NEIGHBOURS = 12  # places of a token that are looked at on either side
_STEADY = 8  # tokens foretold in a row, beyond which a pointer is as good as it gets


class Pointer:
    """Where an edit stands in the text that it copies.

    Args:
        source: token ids of the prompt.
        start: index of the draft answer's first token.
        end: index behind its last one.

    >>> pointer = Pointer([7, 8, 9, 10, 11, 12], 1, 6)
    >>> pointer.guess(3)
    [8, 9, 10]
    >>> pointer.follow([8, 10])  # 9 was taken out
    >>> pointer.guess(3)
    [11, 12]
    """

    def __init__(self, source: Sequence[int], start: int, end: int) -> None:
        self._source = source
        self._at = start
        self._end = end
        self._anchor = start
        self._tail: list[int] = []
        self._places: dict[int, list[int]] = {}
        for place, token in enumerate(source):
            self._places.setdefault(token, []).append(place)
        self.foretold = 0

    def guess(self, most: int) -> list[int]:
        """The tokens that would come next if the edit went on copying, at most ``most``."""
        end = self._end if self._at <= self._end else len(self._source)
        return list(self._source[self._at : min(self._at + most, end)])

    def follow(self, tokens: Sequence[int]) -> None:
        """Take note of the tokens that the model really made."""
        for token in tokens:
            self._tail.append(token)
            if self._at < len(self._source) and self._source[self._at] == token:
                self._at += 1
                self._anchor = self._at
                self.foretold += 1
            else:
                self.foretold = 0
                self._realign(token)
        del self._tail[:-_LONGEST_MATCH]

    def _realign(self, token: int) -> None:
        """Find the place that the edit goes on from: the longest match, the nearest of these."""
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
        else:
            self._at = self._anchor = chosen + 1

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
    _right: list[float] = field(default_factory=lambda: [0.6 + 0.04 * n for n in range(9)])
    _tried: list[float] = field(default_factory=lambda: [1.0] * 9)

    def passed(self, tokens: int, seconds: float) -> None:
        """Take note of what a pass over ``tokens`` tokens took."""
        tokens = _rounded(tokens)
        known = self.costs.get(tokens)
        # A pass is only ever slowed down by chance: what is faster counts more.
        weight = 1.0 if known is None else 0.5 if seconds < known else 0.1
        self.costs[tokens] = weight * seconds + (1 - weight) * (known or 0.0)

    def cost(self, tokens: int) -> float:
        """Seconds that a pass over ``tokens`` tokens may take.

        Between known numbers it is interpolated; below the least it is taken to fall in
        proportion, down to a quarter: optimism, so that smaller passes are tried.
        """
        if not self.costs:
            return 1.0
        tokens = _rounded(tokens)
        if tokens in self.costs:
            return self.costs[tokens]
        sizes = sorted(self.costs)
        above = bisect.bisect_left(sizes, tokens)
        if above == 0:
            return self.costs[sizes[0]] * max(0.25, tokens / sizes[0])
        low = sizes[above - 1]
        if above == len(sizes):
            return self.costs[low] * tokens / low
        high = sizes[above]
        share = (tokens - low) / (high - low)
        return (1 - share) * self.costs[low] + share * self.costs[high]

    def chance(self, foretold: int) -> float:
        """How likely the next guess is right, after ``foretold`` right ones in a row."""
        state = min(foretold, _STEADY)
        return self._right[state] / self._tried[state]

    def learned(self, foretold: int, right: bool) -> None:
        """Take note of one guess made after ``foretold`` right ones in a row."""
        state = min(foretold, _STEADY)
        self._right[state] = 0.97 * self._right[state] + right
        self._tried[state] = 0.97 * self._tried[state] + 1.0


def _rounded(tokens: int) -> int:
    """The number with its four leading bits: few numbers are told apart."""
    shift = max(0, tokens.bit_length() - 4)
    return tokens >> shift << shift


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

    def gains(self, most: int) -> list[float]:
        """Tokens that a pass would bring, on average, with 0, 1, … ``most`` guesses."""
        gains, reached = [1.0], 1.0
        for depth in range(most):
            reached *= self._chance(self.pointer.foretold + depth)
            gains.append(gains[-1] + reached)
        return gains

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


def best_width(gains: Sequence[Sequence[float]], pace: Pace) -> int:
    """Tokens of a row in the next pass that bring the most tokens a second.

    Args:
        gains: for each row the tokens that 0, 1, … guesses would bring (`Track.gains`).
        pace: what passes cost.

    Returns:
        One of `WIDTHS`.
    """

    def speed(width: int) -> float:
        brought = sum(one[min(width, len(one)) - 1] for one in gains)
        return brought / pace.cost(width * len(gains))

    widest = max(map(len, gains))
    return max((width for width in WIDTHS if width <= widest), key=speed)
