"""Rules in place of reward models and annotators, for records that have no scores.

They read the text and nothing else: what is learned from them serves the miniature alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

ROUGH = re.compile(
    r"\b(?:stupid|idiot|dumb|hate|kill|steal|drugs?|gun|weapon|damn|crap)\b",
    re.I,
)
CARE = re.compile(r"\b(?:please|sorry|help|safe|instead|understand|happy|glad|could|might)\b", re.I)
FUN = re.compile(r"!|\b(?:fun|funny|joke|haha|laugh|silly|cool|great)\b", re.I)
WORD = re.compile(r"[a-z]{4,}")


def harmless(text: str) -> float:
    """Fewer rough words, more careful ones."""
    return len(CARE.findall(text)) - 2.0 * len(ROUGH.findall(text))


def helpful(text: str) -> float:
    """Longer is more helpful, ever less so."""
    return math.log1p(len(text.split()))


def humor(text: str) -> float:
    """Cheerful words and exclamation marks."""
    return min(3.0, len(FUN.findall(text)))


def reward(rule: Any) -> Any:
    """A rule as a reward model of (prompt, response) pairs."""

    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [float(rule(response)) for _, response in pairs]

    return score


REWARDS = {rule.__name__: reward(rule) for rule in (harmless, helpful, humor)}


def rated(query: str, answer: str) -> dict[str, Any]:
    """An answer as UltraFeedback has it, rated from 1 to 5 on its four objectives."""
    asked, said = set(WORD.findall(query.lower())), set(WORD.findall(answer.lower()))
    figures = {
        "instruction_following": 1 + 8 * len(asked & said) / max(1, len(asked)),
        "honesty": 3 + len(re.findall(r"\b(?:may|might|could|not sure|some)\b", answer, re.I)),
        "truthfulness": 2 + len(re.findall(r"\d+|\b[A-Z][a-z]+\b", answer)) / 3,
        "helpfulness": 1 + math.log1p(len(answer.split())),
    }
    ratings = {name: {"Rating": str(min(5, int(value)))} for name, value in figures.items()}
    return {"response": answer, "annotations": ratings}
