"""From preferences to weak-to-strong pairs: Algorithm 1 of the paper (appendix C)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_metaaligner.templates import EditTemplate, Mode

Sign = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Preference:
    """Two answers to a question, compared on each objective.

    Attributes:
        question: as it stands in the question slot of the template.
        first: one answer.
        second: the other.
        signs: for each objective's name 1 where the first answer is better, -1 where the second
            is, 0 where they are equal. An objective that was not rated is left out.
    """

    question: str
    first: str
    second: str
    signs: Mapping[str, Sign]


@dataclass(frozen=True)
class WeakToStrong:
    """One training example of an aligner.

    Attributes:
        mode: ``"better"`` for a contrastive pair, ``"equal"`` for an equal one.
        objectives: names, in the order of the prompt.
        question: the question slot.
        weak: the answer that is to be edited.
        strong: the answer that the edit should give.
        prompt: the edit prompt.
    """

    mode: Mode
    objectives: tuple[str, ...]
    question: str
    weak: str
    strong: str
    prompt: str


def sign(first: float, second: float) -> Sign:
    """Compare two ratings.

    >>> sign(2.0, 1.5), sign(1, 1), sign(0, 3)
    (1, 0, -1)
    """
    return 1 if first > second else -1 if first < second else 0


def weak_to_strong(
    preference: Preference, template: EditTemplate, rng: random.Random
) -> Iterator[WeakToStrong]:
    """Make the pairs of one preference: up to two contrastive ones and an equal one.

    The edit goes from the second answer to the first on the objectives where the first is better,
    the other way round where the second is, and on objectives with equal ratings from the second
    to the first by the template's equal form. Source: Algorithm 1, lines 9 to 27. Objectives are
    shuffled by ``rng``.

    The worked example of appendix C.3 has two contrastive pairs and no equal one:

    >>> signs = {"helpful": -1, "harmless": -1, "humor": 1}
    >>> preference = Preference("q", "y1", "y2", signs)
    >>> pairs = weak_to_strong(preference, EditTemplate.named("HH-RLHF"), random.Random(0))
    >>> [(pair.weak, pair.strong, sorted(pair.objectives)) for pair in pairs]
    [('y2', 'y1', ['humor']), ('y1', 'y2', ['harmless', 'helpful'])]
    """
    groups: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for name, value in preference.signs.items():
        groups[value].append(name)
    first, second = preference.first, preference.second
    for value, weak, strong in ((1, second, first), (-1, first, second), (0, second, first)):
        names = groups[value]
        if names:
            rng.shuffle(names)
            yield edit_pair(template, preference.question, weak, strong, names, value == 0)


def edit_pair(
    template: EditTemplate,
    question: str,
    weak: str,
    strong: str,
    names: Sequence[str],
    equal: bool,
) -> WeakToStrong:
    """Put two answers into the better or the equal form of a template."""
    mode: Mode = "equal" if equal else "better"
    prompt = template.format(question, weak, list(names), mode)
    return WeakToStrong(mode, tuple(names), question, weak, strong, prompt)
