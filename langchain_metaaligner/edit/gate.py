"""The gate: an edit is accepted only if a reward model says that it is better.

Edit prompts have no weights for their objectives; this is where weights live.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        min_gain: by how much the weighted score must rise at least; by itself, it must be higher.

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

    def choose(self, draft: Mapping[str, float], edits: Sequence[Mapping[str, float]]) -> Verdict:
        """The best of some edits, and whether it stands.

        A score that is no number loses. Without a ``min_gain`` an edit stands whose weighted score
        is higher; with one, an edit that gains at least as much.
        """
        before = self.weighed(draft)
        gains = [self.weighed(edit) - before for edit in edits]
        best = max(range(len(edits)), key=lambda at: _last_if_nan(gains[at]))
        gain = gains[best]
        scores = {
            "draft": _plain(draft),
            "edits": [_plain(edit) for edit in edits],
            "gain": gain if math.isfinite(gain) else None,
        }
        if gain >= self.min_gain and (gain > 0 or self.min_gain):
            return Verdict(best, None, scores)
        wanted = f"at least {self.min_gain:.4g}" if self.min_gain else "a rise"
        detail = f"The score changed by {gain:.4g}; the gate asks for {wanted}."
        return Verdict(best, Refusal("no_gain", detail), scores)


@dataclass(frozen=True)
class Verdict:
    """What a gate says of the edits of one answer.

    Attributes:
        best: the place of the best edit.
        refusal: why it does not stand nevertheless; None where it does.
        scores: what the record tells of it.
    """

    best: int
    refusal: Refusal | None
    scores: dict[str, Any]


def scores_of(scored: Any, number: int) -> list[Mapping[str, float]]:
    """What a scorer gave, looked through: scorers are other people's code.

    Raises:
        TypeError: if it is not one dict of numbers for each of ``number`` pairs.
    """
    scores = list(scored)
    if len(scores) != number:
        raise TypeError(f"The scorer gave {len(scores)} scores for {number} answers.")
    for one in scores:
        if not isinstance(one, Mapping) or not one:
            raise TypeError(
                f"The scorer gave {one!r:.200} for an answer. It must give a dict with a number "
                "for each of its objectives."
            )
    return scores


def _last_if_nan(gain: float) -> float:
    return -math.inf if math.isnan(gain) else gain


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Scores as JSON can hold them: it has neither NaN nor infinity."""
    return {name: score if math.isfinite(score) else None for name, score in scores.items()}
