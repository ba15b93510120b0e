"""What guesses and forward passes of one checkpoint were worth, and how many guesses pay off."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Sequence
from itertools import accumulate
from operator import mul, neg
from typing import NamedTuple

STEADY = 8
"""Tokens foretold in a row, beyond which a pointer is as good as it gets."""

_MEMORY = 64  # passes after which a size that did not occur is measured afresh: a second or two
_FASTER = 0.5  # weight of a time below the known one: only by chance is a pass slowed down
_SLOWER = 0.1  # weight of one above it
_FADING = 0.97  # of what a checkpoint's guesses were worth: the last 30 or so count
_ROW_FADING = 0.9  # of what one row's were worth: the last 10, as edits differ within themselves
_TRUST = 2.0  # guesses of its own that a row needs to count as much as all others before it
_HOPELESS = 0.01  # chance below which nobody looks further ahead: 100 tokens computed for one
_WORTH = 1.05  # guesses must promise so many times the speed of none, or noise decides


SIDES = {"repeat": 0.6, "far": 0.5, "draft": 0.2, "place": 0.15, "shift": 0.05}
"""Kinds of guesses beside the likeliest ones, and how many came true in 107 edits of real drafts by
a 135M aligner: so every checkpoint begins (`pointer.Side`)."""


class Costs(NamedTuple):
    """Measured passes; never changed, so that threads may read it at any time.

    Attributes:
        sizes: numbers of tokens, rising.
        seconds: the least that a pass of this size or a larger one took.
    """

    sizes: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()

    def of(self, tokens: int) -> float:
        """Seconds that a pass over ``tokens`` tokens may take.

        Between measured sizes it is interpolated; a smaller pass is never dearer than a larger one.
        Below the least it is taken to fall in proportion, down to a quarter: optimism, so that
        smaller passes are tried.
        """
        if not self.sizes:
            return 1.0
        tokens = rounded_up(tokens)
        above = bisect.bisect_left(self.sizes, tokens)
        if above == len(self.sizes):
            return self.seconds[-1] * tokens / self.sizes[-1]
        if above == 0:
            return self.seconds[0] * max(0.25, tokens / self.sizes[0])
        low, high = self.sizes[above - 1 : above + 1]
        first, second = self.seconds[above - 1 : above + 1]
        share = (tokens - low) / (high - low)
        return (1 - share) * first + share * second


class Pace:
    """What guesses and passes of one checkpoint were worth so far; for any number of threads.

    Attributes:
        costs: what passes took so far.

    >>> pace = Pace()
    >>> for seconds in (0.5, 0.2):  # the first pass of its size also pays for what is prepared
    ...     pace.passed(8, seconds)
    >>> pace.cost(8)
    0.2
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passes = 0
        self._measured: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self.costs = Costs()
        # (right, tried) after 0, 1, … right guesses in a row: a beginning to be corrected soon.
        self._guesses = [(0.6 + 0.04 * state, 1.0) for state in range(STEADY + 1)]
        self._sides = {kind: (chance, 1.0) for kind, chance in SIDES.items()}

    def passed(self, tokens: int, seconds: float) -> None:
        """Take note of what a pass over ``tokens`` tokens took."""
        size = rounded_up(tokens)
        with self._lock:
            self._passes += 1
            first = size not in self._measured
            self._measured[size] = self._passes
            if first:
                return
            known = self._seconds.get(size, seconds)
            weight = _FASTER if seconds < known else _SLOWER
            self._seconds[size] = weight * seconds + (1 - weight) * known
            self._seconds = {  # one that is long ago may have been bad luck, or other times
                size: seconds
                for size, seconds in self._seconds.items()
                if self._passes - self._measured[size] <= _MEMORY
            }
            sizes = tuple(sorted(self._seconds))
            falling = accumulate((self._seconds[one] for one in reversed(sizes)), min)
            self.costs = Costs(sizes, tuple(falling)[::-1])

    def cost(self, tokens: int) -> float:
        """Seconds that a pass over ``tokens`` tokens may take (`Costs.of`)."""
        return self.costs.of(tokens)

    def chance(self, foretold: int) -> float:
        """How likely the next guess is right, after ``foretold`` right ones in a row."""
        right, tried = self._guesses[min(foretold, STEADY)]
        return right / tried

    def chances(self) -> list[float]:
        """The same after 0, 1, … `STEADY` right ones."""
        return [right / tried for right, tried in self._guesses]

    def learned(self, state: int, right: bool, number: int = 1) -> None:
        """Take note of ``number`` guesses made after ``state`` right ones in a row."""
        with self._lock:
            known = self._guesses[min(state, STEADY)]
            self._guesses[min(state, STEADY)] = faded(known, right, number, _FADING)

    def side_chance(self, kind: str) -> float:
        """How likely a guess of a kind of `SIDES` is right."""
        right, tried = self._sides[kind]
        return right / tried

    def learned_side(self, kind: str, right: bool) -> None:
        """Take note of one guess of such a kind."""
        with self._lock:
            self._sides[kind] = faded(self._sides[kind], right, 1, _FADING)

    def after_fork(self) -> None:
        """Go on in a child process, where the thread that held the lock is no more."""
        self._lock = threading.Lock()


def faded(
    known: tuple[float, float], right: bool, number: int, fading: float
) -> tuple[float, float]:
    """How many guesses were right and how many were tried, with ``number`` more of one kind.

    Args:
        known: both numbers so far.
        right: whether the new ones were.
        number: how many there are.
        fading: what each leaves of those before it.

    >>> faded((2.0, 4.0), True, 2, 0.5)
    (2.0, 2.5)
    """
    left = fading**number
    new = (1 - left) / (1 - fading)
    return left * known[0] + new * right, left * known[1] + new


class Record:
    """How the guesses of one row did, beside all others of its `Pace`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._guesses = [(0.0, 0.0)] * (STEADY + 1)

    def reaches(self, foretold: int, most: int) -> list[float]:
        """How likely the first, the second, … guess comes true, ``most`` of them at most.

        Args:
            foretold: right guesses in a row so far.
            most: how many guesses there are.
        """
        chances = [
            (right + _TRUST * shared) / (tried + _TRUST)
            for (right, tried), shared in zip(self._guesses, self._pace.chances(), strict=True)
        ][min(foretold, STEADY) :]
        steady = chances[-1:] * max(0, most - len(chances))
        reaches = list(accumulate((chances + steady)[:most], mul))
        return reaches[: bisect.bisect_right(reaches, -_HOPELESS, key=neg)]

    def side_reaches(self, kind: str, most: int) -> list[float]:
        """The same for guesses of a kind of `SIDES`, which have foretold nothing yet."""
        first = self._pace.side_chance(kind)
        return [first * reach for reach in (1.0, *self.reaches(1, most - 1))][:most]

    def verified(self, foretold: int, right: int, guesses: int) -> None:
        """Take note that the first ``right`` of so many guesses came true, and the next did not.

        Args:
            foretold: right guesses in a row before them.
            right: how many came true.
            guesses: how many there were.
        """
        state = min(foretold, STEADY)
        right, wrong = min(right, guesses), right < guesses
        while right:
            number = 1 if state < STEADY else right  # the steady state takes all others at once
            self._learn(state, True, number)
            right, state = right - number, min(state + 1, STEADY)
        if wrong:
            self._learn(state, False, 1)

    def _learn(self, state: int, right: bool, number: int) -> None:
        self._guesses[state] = faded(self._guesses[state], right, number, _ROW_FADING)
        self._pace.learned(state, right, number)


def rounded_up(tokens: int) -> int:
    """The next number that has no more than four leading bits: so many sizes of a pass occur.

    A new size costs the matrix library some time to prepare; rounding adds an eighth at most.

    >>> [rounded_up(tokens) for tokens in (1, 15, 17, 100, 1969)]
    [1, 15, 18, 104, 2048]
    """
    shift = max(0, (tokens - 1).bit_length() - 4)
    return -(-tokens >> shift << shift)


def best_numbers(
    reaches: Sequence[Sequence[float]], costs: Costs, rows: int | None = None
) -> list[int]:
    """How many guesses of each chain to verify, so that a pass brings the most tokens a second.

    The likeliest guesses of all chains come first, as many as pay off. Only numbers that fill a
    size of pass are compared: one guess less costs the same.

    Args:
        reaches: for each chain of guesses how likely these come true (`Record.reaches`).
        costs: what passes cost.
        rows: tokens that the pass brings without any guess; by itself one a chain.
    """
    rows = len(reaches) if rows is None else rows
    ranked = sorted(
        ((chance, chain) for chain, chances in enumerate(reaches) for chance in chances),
        key=lambda guess: -guess[0],
    )
    brought = list(accumulate((chance for chance, _ in ranked), initial=float(rows)))
    best, taken = _WORTH * rows / costs.of(rows), 0
    number = 0
    while number < len(ranked):
        number = min(rounded_up(rows + number + 1) - rows, len(ranked))
        speed = brought[number] / costs.of(rows + number)
        if speed > best:
            best, taken = speed, number
    numbers = [0] * len(reaches)
    for _, chain in ranked[:taken]:
        numbers[chain] += 1
    return numbers
