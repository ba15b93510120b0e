"""Weak drafts from sound answers: each family spoils a draft in its own way."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Sequence

from langchain_metaaligner.data.synthetic.drafts import STARTERS, Draft, Sentence
from langchain_metaaligner.data.synthetic.families import (
    BREADTH,
    DROPPED,
    FAMILIES,
    FIRST_TIER,
    KNOWN,
    SHOUTED,
    Family,
)
from langchain_metaaligner.data.synthetic.grammar import Grammar, Split

_SLOPPY = {**KNOWN["professional"].words, **{word: (word[:-1],) for word in DROPPED}}
_SHOUTED = re.compile(rf"(?<=[a-z,] )(?:{'|'.join(sorted(set(SHOUTED)))})(?= [a-z])")
_LONE_I = re.compile(r"(?<![\w.'’])I(?=(?:'(?:m|ve|ll|d))?(?:[ ,]|$))")


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w'’-])(?:{longest_first})(?![\w'’/-])")


_WORDS = {"professional": _any_of(_SLOPPY), "readable": _any_of(KNOWN["readable"].words)}


def choose_objectives(rng: random.Random) -> list[str]:
    """Draw one to four objectives in any order, those of the first tier more often."""
    count = rng.choice((1, 1, 1, 2, 2, 3, 4))
    objectives: list[str] = []
    while len(objectives) < count:
        tier = FIRST_TIER if rng.random() < 0.78 else BREADTH
        # Word by word edits take the most learning.
        draw = rng.random()
        hard = "professional" if draw < 0.25 else "readable" if draw < 0.32 else ""
        name = hard or rng.choice(tier)
        if name not in objectives:
            objectives.append(name)
    return objectives


def choose_families(rng: random.Random, objectives: Collection[str]) -> list[str]:
    """Draw the families that degrade a draft, given the objectives of its edit.

    Mostly those of the objectives, some that the edit must leave alone, at times none at all.
    """
    if rng.random() < 0.1:
        return []
    strangers = 0.16 if rng.random() < 0.8 else 0.4
    wanted = 0.72 if rng.random() < 0.9 else 0.0
    return [
        family
        for family in FAMILIES
        if rng.random()
        < (wanted if family in objectives else strangers if family in FIRST_TIER else 0.025)
    ]


class Degrader:
    """Degrades answers with the phrases of one split.

    Args:
        rng: where the draws come from.
        common: frequent words; only sentences made of them are shouted as a whole.
        split: which phrases are drawn.
    """

    def __init__(self, rng: random.Random, common: Collection[str], split: Split = "train") -> None:
        self._rng, self._common, self._split = rng, common, split

    def degrade(self, window: Sequence[tuple[str, str]], families: Iterable[str]) -> Draft:
        """Degrade (sentence, white space before it) pairs by each family.

        A family that finds no place in the answer is not among the draft's ``families``.
        """
        draft = Draft([Sentence(text, gap) for text, gap in window])
        wanted = list(families)
        order = [family for family in wanted if family != "repeat"]
        self._rng.shuffle(order)
        for family in (["repeat"] if "repeat" in wanted else []) + order:
            if self._spoil(draft, family):
                draft.families.add(family)
        return draft

    def _spoil(self, draft: Draft, family: str) -> bool:
        if family == "repeat":
            return self._repeat(draft)
        if family == "professional":
            return self._slur(draft)
        if family == "length":
            return self._pad(draft)
        if family == "readable":
            return self._swap_words(draft.places(), family, self._rng.choice((1, 2, 9))) > 0
        times = 2 if family == "harmless" and self._rng.random() < 0.25 else 1
        return sum(self._add_phrase(draft, family, KNOWN[family]) for _ in range(times)) > 0

    def _phrase(self, grammar: Grammar | None) -> str:
        return "" if grammar is None else grammar.draw(self._rng, self._split)

    def _insert(self, draft: Draft, at: int, family: str, text: str) -> None:
        before = draft.sentences[at - 1].text.rstrip() if at else "."
        gap = " " if before.endswith((".", "!", "?", ":", '"', ")")) else "\n"
        draft.sentences.insert(at, Sentence(text, gap, family, frozen=True))

    def _add_phrase(self, draft: Draft, family: str, source: Family) -> bool:
        """Add a sentence, an opening or an aside; dismissals and gloom stand mostly at the end."""
        draw, places = self._rng.random(), draft.places()
        free = [sentence for sentence in places if sentence.takes_opening]
        if source.opening and draw < 0.25 and free:
            self._rng.choice(free).opening = (family, self._phrase(source.opening))
            return True
        open_ended = [
            sentence
            for sentence in places
            if all(swap.end < sentence.stop for swap in sentence.swaps)
        ]
        if source.aside and 0.25 <= draw < 0.45 and open_ended:
            sentence = self._rng.choice(open_ended)
            return sentence.swap(sentence.stop, sentence.stop, self._phrase(source.aside), family)
        text = self._phrase(source.sentence)
        if any(sentence.text == text for sentence in draft.sentences):
            return False
        end = len(draft.sentences)
        late = family in ("helpful", "humor") and self._rng.random() < 0.7
        self._insert(draft, end if late else self._rng.randint(0, end), family, text)
        return True

    def _repeat(self, draft: Draft) -> bool:
        """Say a sentence again, at once or later."""
        places = [
            i
            for i, sentence in enumerate(draft.sentences)
            if len(sentence.text.split()) >= 3 and re.search(r"\w[.!?]$", sentence.text)
        ]
        if not places:
            return False
        first = self._rng.choice(places)
        at_once = self._rng.random() < 0.6
        last = first + 1 if at_once else self._rng.randint(first + 1, len(draft.sentences))
        draft.sentences[first].frozen = True
        self._insert(draft, last, "repeat", draft.sentences[first].text)
        return True

    def _pad(self, draft: Draft) -> bool:
        """Add an opener, a closer, preambles, or several of them."""
        filler = KNOWN["length"]
        for kind in self._rng.sample(("open", "close", "clause"), self._rng.choice((1, 1, 2, 3))):
            free = [sentence for sentence in draft.places() if sentence.takes_opening]
            if kind == "clause" and free:
                sentence = free[0] if self._rng.random() < 0.3 else self._rng.choice(free)
                sentence.opening = ("length", self._phrase(filler.opening))
            elif kind == "close":
                self._insert(draft, len(draft.sentences), "length", self._phrase(filler.closer))
                if "\n" in draft.sentences[-2].gap and self._rng.random() < 0.5:
                    draft.sentences[-1].gap = "\n\n"
            else:
                self._insert(draft, 0, "length", self._phrase(filler.opener))
        return True

    def _slur(self, draft: Draft) -> bool:
        """Slang, shouting, missing capitals, runs of exclamation marks."""
        places = draft.places()
        self._rng.shuffle(places)
        some = places[: self._rng.choice((1, 1, 2, 3, 8))]
        if sum(self._slur_sentence(sentence) for sentence in some):
            return True
        return any(
            sentence.swap(sentence.stop, len(sentence.text), "!!!", "professional")
            for sentence in places
        )

    def _slur_sentence(self, sentence: Sentence) -> bool:
        rng, kind, text = self._rng, "professional", sentence.text
        known, before = KNOWN[kind], len(sentence.swaps) + (sentence.opening is not None)
        if (
            rng.random() < 0.15
            and not sentence.swaps
            and not sentence.opening
            and self._is_plain(sentence)
        ):
            sentence.swap(0, sentence.stop, text[: sentence.stop].upper(), kind)
        else:
            common_start = text.split(" ", 1)[0].rstrip(",") in STARTERS
            if not sentence.opening and common_start and rng.random() < 0.4:
                sentence.swap(0, 1, text[0].lower(), kind)
            elif not sentence.opening and not sentence.swaps and rng.random() < 0.2:
                sentence.opening = (kind, self._phrase(known.opening))
            self._swap_words([sentence], kind, rng.choice((0, 1, 2, 3, 9)))
            if rng.random() < 0.15:
                matches = list(_SHOUTED.finditer(text))
                for match in rng.sample(matches, min(len(matches), rng.choice((1, 1, 2)))):
                    sentence.swap(match.start(), match.end(), match.group().upper(), kind)
            if rng.random() < 0.35:
                for match in _LONE_I.finditer(text):
                    sentence.swap(match.start(), match.end(), "i", kind)
            if rng.random() < 0.15 and all(swap.end < sentence.stop for swap in sentence.swaps):
                sentence.swap(sentence.stop, sentence.stop, self._phrase(known.aside), kind)
        if rng.random() < 0.3:
            mark = text[sentence.stop :]
            if mark in (".", "?"):
                more = "!" * rng.randint(2, 5) if mark == "." else "?" * rng.randint(2, 4)
                sentence.swap(sentence.stop, len(text), more, kind)
        return len(sentence.swaps) + (sentence.opening is not None) > before

    def _is_plain(self, sentence: Sentence) -> bool:
        words = re.findall(r"[\w'’]+", sentence.text[: sentence.stop])
        first, *rest = words
        return (
            2 <= len(words) <= 8
            and first.lower() in self._common
            and all(word in self._common or word == "I" for word in rest)
        )

    def _swap_words(self, places: Sequence[Sentence], family: str, most: int) -> int:
        """Replace up to ``most`` plain words in each sentence; return how many in all."""
        forms = _SLOPPY if family == "professional" else KNOWN[family].words
        done = 0
        for sentence in places:
            matches = list(_WORDS[family].finditer(sentence.text[: sentence.stop]))
            for match in self._rng.sample(matches, min(most, len(matches))):
                form = self._rng.choice(forms[match.group()])
                done += sentence.swap(match.start(), match.end(), form, family)
        return done
