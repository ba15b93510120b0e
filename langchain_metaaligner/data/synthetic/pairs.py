"""Weak-to-strong pairs: an edit prompt around a degraded draft, and the answer it should give."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_metaaligner.data.synthetic.degrade import (
    Degrader,
    choose_families,
    choose_objectives,
)
from langchain_metaaligner.data.synthetic.drafts import Draft
from langchain_metaaligner.data.synthetic.grammar import Split
from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.templates import ASSISTANT_MARK, HUMAN_MARK, EditTemplate

TEMPLATES = ("HH-RLHF", "UltraFeedback", "IMHI")


@dataclass(frozen=True)
class SyntheticPair:
    """One example.

    Attributes:
        question: as it stands in the prompt's question slot.
        weak: the draft.
        strong: the draft with the flaws of ``objectives`` taken back, all others left alone.
        objectives: names, in the order of the prompt.
        families: the families that have degraded the draft.
        template: name of the edit template.
    """

    question: str
    weak: str
    strong: str
    objectives: tuple[str, ...]
    families: tuple[str, ...]
    template: str

    @property
    def prompt(self) -> str:
        """The edit prompt, byte for byte as at inference."""
        return EditTemplate.named(self.template).format(self.question, self.weak, self.objectives)


def shorten(rng: random.Random, question: str, template: EditTemplate) -> str:
    """Put a question into a template's form; mostly short, sometimes empty or long."""
    turns = question.removesuffix(ASSISTANT_MARK).split(HUMAN_MARK)
    keep = 1 if rng.random() < 0.8 else 2
    limit = rng.choice((0, 0, 80, 80, 120, 120, 160, 160, 240, 240, 400, 1200))
    last = [
        turn.strip()[:limit].rsplit(" ", 1)[0] if len(turn.strip()) > limit else turn.strip()
        for turn in turns[-keep:]
    ]
    if template.dialogue:
        return "".join(f"{HUMAN_MARK} {turn}" for turn in last) + f" {ASSISTANT_MARK}"
    return last[-1]


def pair_of(
    rng: random.Random, question: str, draft: Draft, objectives: Sequence[str], template: str
) -> SyntheticPair:
    """The pair of a degraded draft under some objectives."""
    form = EditTemplate.named(template)
    return SyntheticPair(
        question=shorten(rng, question, form),
        weak=draft.render(),
        strong=draft.render(objectives),
        objectives=tuple(objectives),
        families=tuple(sorted(draft.families)),
        template=form.name,
    )


def synthetic_pairs(
    corpus: Corpus,
    seed: int,
    split: Split = "train",
    words: tuple[int, int] = (6, 220),
    templates: Sequence[str] = TEMPLATES,
) -> Iterator[SyntheticPair]:
    """Make pairs for ever, the same ones for the same seed.

    Args:
        corpus: the sound answers.
        seed: of all draws.
        split: which phrases are drawn.
        words: the shortest and the longest sound answer, about; short ones are more frequent.
        templates: names of the edit templates that take turns at random.
    """
    rng = random.Random(seed)
    degrader = Degrader(rng, corpus.common, split)
    low, high = words
    while True:
        size = round(low * (high / low) ** rng.random())
        question, window = corpus.window(rng, size)
        objectives = choose_objectives(rng)
        draft = degrader.degrade(window, choose_families(rng, objectives))
        yield pair_of(rng, question, draft, objectives, rng.choice(list(templates)))
