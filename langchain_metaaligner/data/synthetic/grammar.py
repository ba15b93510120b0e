"""Phrase grammars: forms with ``{slots}``, and the split of what they make.

A grammar makes thousands of phrases from a few lines. One phrase in ten, chosen by a hash of its
letters, is held out: training never draws it, measuring draws nothing else. Harder than that is
"new wording": phrases of forms, or with words, that training never draws in any combination.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Split = Literal["train", "held-out", "new wording"]
Slots = Mapping[str, Sequence[str]]

_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa])\(n\) (\w)")


def is_held_out(phrase: str) -> bool:
    """Say whether a phrase is kept for measuring; case and punctuation do not matter.

    >>> is_held_out("You fool!") == is_held_out("you fool")
    True
    """
    letters = re.sub(r"[^a-z0-9 ]", "", phrase.lower()).strip()
    return zlib.crc32(letters.encode()) % 10 == 0


@dataclass(frozen=True)
class Grammar:
    """Forms and the words that fill their slots.

    ``a(n)`` in a form becomes the article that fits the next word.

    Attributes:
        forms: the forms that training draws from.
        slots: words for each slot.
        new_forms: forms that training never draws.
        new_words: words for a slot that training never draws.

    >>> Grammar(["You are a(n) {noun}."], {"noun": ["owl"]}).draw(random.Random(0), "new wording")
    'You are an owl.'
    """

    forms: Sequence[str]
    slots: Slots = field(default_factory=dict)
    new_forms: Sequence[str] = ()
    new_words: Slots = field(default_factory=dict)

    def draw(self, rng: random.Random, split: Split) -> str:
        """Draw one phrase of a split.

        A grammar so small that it has no phrase of the split gives one of the others.
        """
        if split == "new wording":
            return self._new(rng)
        for _ in range(500):
            phrase = self._fill(rng, rng.choice(self.forms))
            if is_held_out(phrase) == (split == "held-out"):
                break
        return phrase

    def _new(self, rng: random.Random) -> str:
        renewable = [form for form in self.forms if set(_SLOT.findall(form)) & set(self.new_words)]
        if not self.new_forms or (renewable and rng.random() < 0.5):
            form = rng.choice(renewable or list(self.forms))
            named = [slot for slot in _SLOT.findall(form) if slot in self.new_words]
            return self._fill(rng, form, rng.choice(named) if named else None)
        return self._fill(rng, rng.choice(self.new_forms))

    def _fill(self, rng: random.Random, form: str, new: str | None = None) -> str:
        def word(match: re.Match[str]) -> str:
            slot = match[1]
            return rng.choice(self.new_words[slot] if slot == new else self.slots[slot])

        text = _SLOT.sub(word, form)
        return _ARTICLE.sub(
            lambda m: f"{m[1]}{'n' if m[2].lower() in 'aeiou' else ''} {m[2]}", text
        )


def split_words(text: str) -> list[str]:
    """Read a list that is written with bars."""
    return text.split("|")


@cache
def phrase_file(name: str) -> dict[str, Any]:
    """Read a file of the package's ``phrases`` folder."""
    text = (files(__package__) / "phrases" / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def grammar(entry: Mapping[str, Any], kind: str) -> Grammar | None:
    """The grammar of one kind of phrase in an entry of a phrase file, or None without one."""
    if kind not in entry:
        return None
    lines = entry[kind] if isinstance(entry[kind], list) else [entry[kind]]
    slots = {**entry.get("slots", {}), **entry.get("extra", {})}
    new = entry.get("new_wording", {})
    return Grammar(
        [form for line in lines for form in split_words(line)],
        {name: split_words(words) for name, words in slots.items()},
        split_words(new[kind]) if kind in new else (),
        {name: split_words(words) for name, words in entry.get("unseen", {}).items()},
    )
