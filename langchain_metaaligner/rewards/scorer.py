"""What scores answers: a `Reward` on one objective, a `Scorer` on several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

Pairs = Sequence[tuple[str, str]]
"""(question, answer) pairs."""

Reward = Callable[[Pairs], Sequence[float]]
"""Scores pairs on one objective: one number each, higher is better."""


@runtime_checkable
class Scorer(Protocol):
    """Whatever scores answers on objectives: a reward model, or code of your own."""

    def score(self, question: str, answer: str) -> dict[str, float]:
        """The scores of one answer, by objective; higher is better."""

    def score_all(self, pairs: Pairs) -> list[dict[str, float]]:
        """The scores of many (question, answer) pairs."""


class ObjectiveScorer:
    """One reward model an objective, behind the interface of `Scorer`.

    Args:
        rewards: what scores pairs, by objective: a `SequenceReward`, or any callable that gives one
            number a pair.

    >>> scorer = ObjectiveScorer({"length": lambda pairs: [-len(answer) for _, answer in pairs]})
    >>> scorer.score("Why?", "So.")
    {'length': -3.0}
    """

    def __init__(self, rewards: Mapping[str, Reward]) -> None:
        self._rewards = dict(rewards)

    def score(self, question: str, answer: str) -> dict[str, float]:
        """The scores of one answer."""
        return self.score_all([(question, answer)])[0]

    def score_all(self, pairs: Pairs) -> list[dict[str, float]]:
        """The scores of many (question, answer) pairs."""
        columns = {name: reward(pairs) for name, reward in self._rewards.items()}
        return [
            {name: float(column[at]) for name, column in columns.items()}
            for at in range(len(pairs))
        ]
