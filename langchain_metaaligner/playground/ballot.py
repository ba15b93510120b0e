"""A blind vote: pairs of answers whose authors are hidden, and what the votes come to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal

from langchain_metaaligner.evaluation.intervals import Interval, net_win, wilson

Choice = Literal["left", "equal", "right"]


@dataclass(frozen=True)
class Answered:
    """A question with the answer of each system.

    Attributes:
        row: its place in the file, from 1 on.
        question: what was asked.
        answers: the answers, by system.
    """

    row: int
    question: str
    answers: Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """Two different answers to one question.

    Attributes:
        answered: the question and its answers.
        left: the system whose answer stands on the left.
        right: that on the right.
    """

    answered: Answered
    left: str
    right: str

    @property
    def texts(self) -> tuple[str, str]:
        """The answers on the left and on the right."""
        answers = self.answered.answers
        return answers[self.left], answers[self.right]


@dataclass(frozen=True)
class Tally:
    """What the votes on two systems come to.

    Attributes:
        first: a system.
        second: the one that it is compared with.
        wins: votes for ``first``.
        equal: votes that both are as good.
        losses: votes for ``second``.
        same: rows on which both gave the same text, which nobody needs to vote on.
    """

    first: str
    second: str
    wins: int
    equal: int
    losses: int
    same: int

    @property
    def win_rate(self) -> float | None:
        """Wins as a share of the votes that prefer one of both; None without any."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95 % interval of the win rate."""
        return wilson(self.wins, self.wins + self.losses)

    @property
    def net(self) -> tuple[float, Interval] | None:
        """Wins less losses, as a share of votes and equal texts, with its 95 % interval."""
        return net_win(self.wins, self.equal + self.same, self.losses)


@dataclass(frozen=True)
class Ballot:
    """The pairs to vote on, in the order in which they are shown.

    Attributes:
        systems: the systems that are compared.
        pairs: the pairs, in an order and on sides that chance chose.
        same: rows with equal texts, by the two systems.
        votes: the votes on the first pairs.
    """

    systems: tuple[str, ...]
    pairs: tuple[Pair, ...]
    same: Mapping[tuple[str, str], int] = field(default_factory=dict)
    votes: tuple[Choice, ...] = ()

    @property
    def current(self) -> Pair | None:
        """The pair that is to be voted on now; None after the last."""
        return self.pairs[len(self.votes)] if len(self.votes) < len(self.pairs) else None

    def vote(self, choice: Choice) -> Ballot:
        """The ballot with a vote on the current pair; itself after the last."""
        return self if self.current is None else replace(self, votes=(*self.votes, choice))

    def undone(self) -> Ballot:
        """The ballot without the last vote."""
        return replace(self, votes=self.votes[:-1])

    def rows(self) -> Iterator[dict[str, Any]]:
        """The votes as rows of a file: who stood where, who was preferred, and both texts."""
        for pair, choice in zip(self.pairs, self.votes, strict=False):
            left, right = pair.texts
            yield {
                "row": pair.answered.row,
                "question": pair.answered.question,
                "left": pair.left,
                "right": pair.right,
                "left_answer": left,
                "right_answer": right,
                "choice": choice,
                "preferred": _preferred(pair, choice),
            }

    def tallies(self) -> list[Tally]:
        """What the votes come to, for each two systems."""
        wins: Counter[tuple[str, str, str | None]] = Counter()
        for pair, choice in zip(self.pairs, self.votes, strict=False):
            first, second = sorted((pair.left, pair.right), key=self.systems.index)
            wins[first, second, _preferred(pair, choice)] += 1
        return [
            Tally(
                first,
                second,
                wins=wins[first, second, first],
                equal=wins[first, second, None],
                losses=wins[first, second, second],
                same=self.same.get((first, second), 0),
            )
            for first, second in combinations(self.systems, 2)
        ]


def make_ballot(rows: Sequence[Answered], seed: int | None = None) -> Ballot:
    """Pair the answers of every two systems, in an order and on sides that chance chooses.

    Args:
        rows: questions, each with an answer of every system.
        seed: makes the same ballot again.
    """
    systems = tuple(rows[0].answers) if rows else ()
    chance = random.Random(seed)
    same: Counter[tuple[str, str]] = Counter()
    pairs = []
    for answered in rows:
        for first, second in combinations(systems, 2):
            if answered.answers[first] == answered.answers[second]:
                same[first, second] += 1
            else:
                left, right = chance.sample((first, second), 2)
                pairs.append(Pair(answered, left, right))
    chance.shuffle(pairs)
    return Ballot(systems, tuple(pairs), dict(same))


def _preferred(pair: Pair, choice: Choice) -> str | None:
    return {"left": pair.left, "equal": None, "right": pair.right}[choice]
