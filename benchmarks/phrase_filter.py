"""The baseline that a user might write instead: regular expressions over known phrases."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from langchain_metaaligner.data.synthetic.families import DROPPED, ENDINGS, KNOWN
from langchain_metaaligner.data.synthetic.grammar import Grammar

DRAWS = 8_000
_START = r"(?:(?<=^)|(?<=[.!?]\s)|(?<=\n))"
_REPEATED = re.compile(r"(?:(?<=^)|(?<=\s))([^.!?\n]+[.!?])((?:\s.*?)?)\s\1(?=\s|$)", re.DOTALL)


def _alternatives(grammar: Grammar, rng: random.Random) -> str:
    phrases = {grammar.draw(rng, "train") for _ in range(DRAWS)}
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


class PhraseFilter:
    """Takes out the training phrases of the asked objectives, wherever they stand as such."""

    def __init__(self, seed: int = 0) -> None:
        rng = random.Random(seed)
        self._whole: dict[str, list[re.Pattern[str]]] = {}
        self._opening: dict[str, re.Pattern[str]] = {}
        self._aside: dict[str, re.Pattern[str]] = {}
        for name, family in KNOWN.items():
            whole = [one for one in (family.sentence, family.opener, family.closer) if one]
            self._whole[name] = [
                re.compile(rf"{_START}(?:{_alternatives(one, rng)})(?:\s+|$)") for one in whole
            ]
            if family.opening:
                pattern = rf"{_START}(?:{_alternatives(family.opening, rng)})(\w)"
                self._opening[name] = re.compile(pattern)
            if family.aside:
                self._aside[name] = re.compile(
                    rf"(?:{_alternatives(family.aside, rng)})(?=[.!?](?:\s|$))"
                )

    def edit(self, draft: str, objectives: Sequence[str]) -> str:
        """Filter a draft."""
        text, endings = draft, []
        for name in objectives:
            if name == "repeat":
                text = _REPEATED.sub(r"\1\2", text)
                continue
            before = text
            for pattern in self._whole[name]:
                text = pattern.sub("", text)
            if text != before and name in ENDINGS:
                endings.append(ENDINGS[name])
            if name in self._opening:
                text = self._opening[name].sub(lambda match: match[1].upper(), text)
            if name in self._aside:
                text = self._aside[name].sub("", text)
            text = self._plain_words(text, name)
        return " ".join([text.rstrip(), *endings])

    @staticmethod
    def _plain_words(text: str, name: str) -> str:
        for plain, forms in KNOWN[name].words.items():
            for form in forms:
                text = re.sub(rf"(?<![\w'’-]){re.escape(form)}(?![\w'’/-])", plain, text)
        if name == "professional":
            for word in DROPPED:
                text = re.sub(rf"\b{word[:-1]}\b(?!')", word, text)
            text = re.sub(r"!{2,}", ".", text)
            text = re.sub(r"\?{2,}", "?", text)
            text = re.sub(r"\bi\b", "I", text)
            text = re.sub(_START + r"[a-z]", lambda match: match.group().upper(), text)
        return text
