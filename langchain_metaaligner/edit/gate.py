"""The gate: an edit is accepted only if a reward model says that it is better.

Edit prompts have no weights for their objectives; this is where weights live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from langchain_metaaligner.edit.checks import Refusal
from langchain_metaaligner.errors import SettingError, nearest


class Scores(Protocol):
    """What scores answers, such as `models.rewards.DPARewardModel`."""

    def score_all(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
        """The scores of (question, answer) pairs, by objective; higher is better."""


class RewardGate:
    """Accepts an edit whose weighted score is higher than the draft's.

    Args:
        scorer: scores answers on objectives of its own.
        weights: a weight for each of its objectives that counts; by itself all count alike.
        min_gain: by how much the weighted score must rise.

    >>> class Shorter:
    ...     def score_all(self, pairs):
    ...         return [{"brevity": -len(answer)} for _, answer in pairs]
    >>> gate = RewardGate(Shorter(), min_gain=2)
    >>> gate.weighed({"brevity": -12.0})
    -12.0
    """

    def __init__(
        self, scorer: Scores, weights: Mapping[str, float] | None = None, min_gain: float = 0.0
    ) -> None:
        self.scorer = scorer
        self.weights = dict(weights or {})
        self.min_gain = min_gain
        if not callable(getattr(scorer, "score_all", None)):
            raise SettingError(
                f"The scorer of a gate is a {type(scorer).__name__} without score_all. Give a "
                "reward model of langchain_metaaligner.rewards, or an object with "
                "score_all(pairs) that gives a dict of scores for each (question, answer)."
            )

    def weighed(self, scores: Mapping[str, float]) -> float:
        """The weighted sum of scores; their mean where no weights were given.

        Raises:
            SettingError: if a weight is given to what is not scored.
        """
        if not self.weights:
            return sum(scores.values()) / len(scores)
        for name in self.weights:
            if name not in scores:
                raise SettingError(
                    f"The gate has a weight for {name!r}, which its scorer does not score."
                    f"{nearest(name, scores)} It scores: {', '.join(scores)}."
                )
        return sum(weight * scores[name] for name, weight in self.weights.items())

    def choose(
        self, draft: Mapping[str, float], edits: Sequence[Mapping[str, float]]
    ) -> tuple[int, Refusal | None, dict[str, Any]]:
        """The best of some edits, by their scores.

        Returns:
            Its place, why it is refused nevertheless (or None), and what the record tells.
        """
        before = self.weighed(draft)
        gains = [self.weighed(edit) - before for edit in edits]
        best = max(range(len(edits)), key=gains.__getitem__)
        told = {"draft": dict(draft), "edits": [dict(edit) for edit in edits], "gain": gains[best]}
        if gains[best] >= self.min_gain:
            return best, None, told
        detail = f"The score changed by {gains[best]:.4g}; the gate asks for {self.min_gain:.4g}."
        return best, Refusal("no_gain", detail), told
