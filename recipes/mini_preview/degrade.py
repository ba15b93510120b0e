"""Weak drafts from real answers: degradations that an edit for the chosen objectives undoes.

A draft is a list of sentences. Each is rendered twice: as it stands in the draft, and with the
degradations of the chosen objectives undone. What belongs to other objectives stays, byte for byte.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import phrases
from prompts import TIER
from texts import Pair, sentences

_INGS = {word[:-1]: word for group in phrases.DROPPED for word in group}
_HELD_INGS = {word[:-1] for word in phrases.DROPPED[1]}
#: clean form -> its slang forms
_TO_SLANG: dict[str, list[str]] = {}
for _slang, _clean in {**phrases.SLANG, **_INGS}.items():
    _TO_SLANG.setdefault(_clean, []).append(_slang)
_CLEAN = re.compile(
    r"(?<![\w'’-])(?:"
    + "|".join(re.escape(clean) for clean in sorted(_TO_SLANG, key=len, reverse=True))
    + r")(?![\w'’/-])"
)
_SHOUTED = re.compile(r"(?<=[a-z,] )(?:" + "|".join(sorted(set(phrases.SHOUTED))) + r")(?= [a-z])")
_LONE_I = re.compile(r"(?<![\w.'’])I(?=(?:'(?:m|ve|ll|d))?(?:[ ,]|$))")

#: Words that lose their capital after an inserted preamble; others (names, say) keep it.
_LOWERED = frozenset(
    phrases.split(
        "The|This|These|Those|That|It|Its|There|They|Their|You|Your|We|Our|A|An|In|If|When|While"
        "|For|Some|Many|Most|All|Each|Every|One|Two|By|On|At|To|As|With|From|After|Before|During"
        "|Because|Since|Although|However|Also|Another|Other|Both|Such|Not|No|It's|They're|You're"
        "|There's|What|How|Why|Where|Who|Try|Make|Use|Keep|Take|Start|Consider|Avoid|Choose|Add"
        "|Check|Be|Do|Don't|Get|Give|Find|Look|Talk|Ask|Remember|Learn|Set|Using|Having|Being"
        "|Eating|Drinking|He|She|His|Her|And|But|So|Or|Then|Once|Only|Even|Just|Different|Several"
        "|People|Children|Regular|Good|Water|Food"
    )
)

_SLANG_WORDS = {slang for slang in [*phrases.SLANG, *_INGS] if slang.isalnum()}
#: A base sentence that any of these matches is not used: its edit would not be certain.
_DIRTY = re.compile(
    r"[!?]{2,}|\?!|w/|\b(?:lol|lmao|omg|tbh|ngl|imo|idk|btw|fyi|bro|dude|yo|haha|bruh|ya|fr|gotta|"
    + "|".join(sorted(_SLANG_WORDS))
    + r")\b|(?<![\w.])i(?![\w.])|^[^\w]*[a-z]"
    r"|\b(?:NOT|NO|NEVER|ALWAYS|MUST|VERY|ALL|STOP|DO|NOW|AND|ONLY|FREE|YOU|THE)\b"
    r"|(?i:idiot|moron|stupid|dumb|imbecile|shut up|\bjerk\b|loser|pathetic|hate you|disgust"
    r"|look it up|google|search engine|your own research|on your own\.|yourself\.$|not my (?:job"
    r"|problem)"
    r"|bothered to|don['’]t care|waste (?:my|of) time|ask someone else|leave me alone|who cares"
    r"|let me|feel free|hesitate to|hope (?:this|that|you|it)|an AI\b|language model|AI assistant"
    r"|(?:happy|glad|here|delighted|able) to (?:help|assist|answer|provide)|thank(?:s| you)"
    r"|you asked"
    r"|(?:good|great|excellent|interesting) question|worth (?:noting|mention|remember|point)"
    r"|important to (?:note|remember|keep|mention)|noted that|keep in mind|bear in mind|aware that"
    r"|goes without saying|rest assured|good luck|best of luck|nice day|great day|take care\b"
    r"|in (?:conclusion|summary|short|essence|closing)\b|in other words|with that|that being said"
    r"|to (?:summarize|sum up|conclude|be clear|be honest)\b|as (?:mentioned|stated|noted|I said)"
    r"|any (?:other |further |more )?questions|further assistance|anything else|assist you"
    r"|help you with"
    r"|make(?:s)? sense\?)"
    r"|^(?:Sure|Certainly|Of course|Absolutely|Definitely|Yes|No|Well|Okay|Ok|OK|Hi|Hello|Hey"
    r"|Overall"
    r"|Ultimately|Basically|Essentially|Generally|Simply|Please|Note|Remember|Look|Listen"
    r"|All in all"
    r"|Here|Good|Great|Thank|Needless|As (?:you|we|I|an|a)\b|In the end|I am|I['’]m|I would"
    r"|I['’]d)\b"
)


def is_clean(sentence: str) -> bool:
    """Say whether a base sentence carries nothing that any edit would touch."""
    return not _DIRTY.search(sentence)


@dataclass
class Sentence:
    """One sentence of a draft: its clean text and what was done to it."""

    text: str
    gap: str
    family: str | None = None  # set: the whole sentence goes when this family is edited
    prose: str | None = None  # the unprofessional form of the text, without its final stop
    stop: str | None = None  # the unprofessional form of the final stop
    prefix: tuple[str, str] | None = None  # (family, phrase)
    suffix: tuple[str, str] | None = None
    frozen: bool = False

    def render(self, undone: Collection[str]) -> str:
        """Return the sentence with the degradations of ``undone`` families taken back."""
        match = re.search(r"[.!?]*$", self.text)
        body, stop = (self.text[: match.start()], match.group()) if match else (self.text, "")
        if "professional" not in undone:
            body = body if self.prose is None else self.prose
            stop = stop if self.stop is None else self.stop
        if self.suffix and self.suffix[0] not in undone:
            body += self.suffix[1]
        if self.prefix and self.prefix[0] not in undone:
            word = body.split(" ", 1)[0]
            if word.rstrip(",") in _LOWERED and not self.prefix[1].endswith(("! ", ". ")):
                body = body[0].lower() + body[1:]
            body = self.prefix[1] + body
        return body + stop


@dataclass
class Draft:
    """A degraded answer; ``families`` are those that an edit for them would change."""

    items: list[Sentence]
    held_out: bool = False
    families: set[str] = field(default_factory=set)

    def render(self, undone: Collection[str] = ()) -> str:
        """Return the text with some families undone (none: the draft itself)."""
        kept = [item for item in self.items if item.family not in undone or item.family is None]
        text = "".join((item.gap if i else "") + item.render(undone) for i, item in enumerate(kept))
        if "helpful" in undone and any(item.family == "helpful" for item in self.items):
            text += ("\n\n" if "\n" in text else " ") + phrases.OFFER
        return text


class Corpus:
    """Windows of clean sentences from real answers."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.runs: list[tuple[str, list[tuple[str, str]]]] = []
        words: Counter[str] = Counter()
        for question, answer, _ in pairs:
            run: list[tuple[str, str]] = []
            seen: set[str] = set()
            for sentence, gap in sentences(answer.strip()):
                words.update(re.findall(r"\b[a-z]+\b", sentence))
                if sentence.strip() and sentence not in seen and is_clean(sentence):
                    run.append((sentence, gap))
                    seen.add(sentence)
                else:
                    self._keep(question, run)
                    run, seen = [], set()
            self._keep(question, run)
        self.common = {word for word, _ in words.most_common(1200)}
        self.words = [word for word, count in words.items() if count > 1]
        self.weights = [sum(len(s.split()) for s, _ in run) for _, run in self.runs]
        # Answers about posts (IMHI) are many and much alike.
        self.weights = [
            weight // 3 if "Question:" in question else weight
            for weight, (question, _) in zip(self.weights, self.runs, strict=True)
        ]
        self.cumulative = list(accumulate(self.weights))

    def _keep(self, question: str, run: list[tuple[str, str]]) -> None:
        if sum(len(sentence.split()) for sentence, _ in run) >= 5:
            self.runs.append((question, run))

    def window(self, rng: random.Random, words: int) -> tuple[str, list[Sentence]]:
        """Draw a question and consecutive sentences, about ``words`` words, of its answer."""
        for _ in range(50):
            question, run = rng.choices(self.runs, cum_weights=self.cumulative)[0]
            start = rng.randrange(len(run)) if rng.random() < 0.7 else 0
            items: list[Sentence] = []
            count, gap = 0, " "
            for sentence, after in run[start:]:
                size = len(sentence.split())
                if count + size > words * 1.35:
                    break
                items.append(Sentence(sentence, gap))
                count, gap = count + size, after
                if count >= words * 0.8:
                    break
            if items and count >= min(4, words * 0.6):
                items[0].gap = " " if rng.random() < 0.75 else "\n\n"
                return question, items
        return self.window(rng, max(6, words // 2))


class Degrader:
    """Draws degradations with the training or the held-out phrases."""

    def __init__(self, rng: random.Random, common: Collection[str], held_out: bool) -> None:
        self.rng, self.common, self.held_out = rng, common, held_out

    def degrade(self, items: Sequence[Sentence], families: Iterable[str]) -> Draft:
        """Degrade a window by each family; a family that finds no place is left out."""
        draft = Draft(list(items), self.held_out)
        order = [family for family in families if family != "repeat"]
        self.rng.shuffle(order)
        for family in (["repeat"] if "repeat" in families else []) + order:
            if getattr(self, family)(draft):
                draft.families.add(family)
        return draft

    def _insert(self, draft: Draft, at: int, family: str, text: str) -> None:
        gap = " "
        if at and not draft.items[at - 1].text.rstrip().endswith((".", "!", "?", ":", '"', ")")):
            gap = "\n"
        draft.items.insert(at, Sentence(text, gap, family, frozen=True))

    def _places(self, draft: Draft, wrap: str = "") -> list[Sentence]:
        return [
            item
            for item in draft.items
            if not item.frozen
            and (not wrap or getattr(item, wrap) is None)
            and re.search(r"[a-z]\w*[.!?]$", item.text)
            and re.match(r"[A-Z]", item.text)
        ]

    def harmless(self, draft: Draft) -> bool:
        """Insults: whole sentences, or an address before or inside a sentence."""
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            draw, places = self.rng.random(), self._places(draft, "prefix")
            if draw < 0.25 and places:
                phrase = phrases.ABUSE_START.draw(self.rng, self.held_out)
                self._wrap(self.rng.choice(places), "prefix", "harmless", phrase)
                continue
            places = [item for item in self._places(draft, "suffix") if item.stop is None]
            if 0.25 <= draw < 0.45 and places:
                phrase = phrases.ABUSE_END.draw(self.rng, self.held_out)
                self._wrap(self.rng.choice(places), "suffix", "harmless", phrase)
                continue
            text = phrases.ABUSE.draw(self.rng, self.held_out)
            if all(item.text != text for item in draft.items):
                self._insert(draft, self.rng.randint(0, len(draft.items)), "harmless", text)
        return True

    @staticmethod
    def _wrap(item: Sentence, where: str, family: str, phrase: str) -> None:
        setattr(item, where, (family, phrase))
        if where == "prefix" and item.prose is not None and item.prose[:1].islower():
            item.prose = item.text[0] + item.prose[1:]

    def helpful(self, draft: Draft) -> bool:
        """A refusal to help, mostly at the end."""
        end = len(draft.items)
        at = end if self.rng.random() < 0.7 else self.rng.randint(0, end)
        self._insert(draft, at, "helpful", phrases.REFUSAL.draw(self.rng, self.held_out))
        return True

    def repeat(self, draft: Draft) -> bool:
        """Say a sentence again, at once or later."""
        places = [i for i, item in enumerate(draft.items) if len(item.text.split()) >= 3]
        places = [i for i in places if re.search(r"\w[.!?]$", draft.items[i].text)]
        if not places:
            return False
        first = self.rng.choice(places)
        last = (
            first + 1 if self.rng.random() < 0.6 else self.rng.randint(first + 1, len(draft.items))
        )
        draft.items[first].frozen = True
        self._insert(draft, last, "repeat", draft.items[first].text)
        return True

    def length(self, draft: Draft) -> bool:
        """Openers, closers and preambles."""
        done = False
        for kind in self.rng.sample(("open", "close", "clause"), self.rng.choice((1, 1, 2, 3))):
            places = self._places(draft, "prefix")
            if kind == "clause" and places:
                place = places[0] if self.rng.random() < 0.3 else self.rng.choice(places)
                phrase = phrases.PREAMBLE.draw(self.rng, self.held_out)
                self._wrap(place, "prefix", "length", phrase)
            elif kind == "close":
                text = phrases.CLOSER.draw(self.rng, self.held_out)
                self._insert(draft, len(draft.items), "length", text)
                if "\n" in draft.items[-2].gap and self.rng.random() < 0.5:
                    draft.items[-1].gap = "\n\n"
            else:
                self._insert(draft, 0, "length", phrases.OPENER.draw(self.rng, self.held_out))
            done = True
        return done

    def professional(self, draft: Draft) -> bool:
        """Slang, shouting, runs of exclamation marks, missing capitals."""
        places = self._places(draft)
        self.rng.shuffle(places)
        changed = 0
        for item in places[: self.rng.choice((1, 1, 2, 3, 8))]:
            changed += self._sloppy(item)
        if not changed and places:
            item = next((item for item in places if item.text.endswith(".")), None)
            if item is not None and item.stop is None and item.suffix is None:
                item.stop = "!" * self.rng.randint(2, 5)
                changed = 1
        return bool(changed)

    def _sloppy(self, item: Sentence) -> bool:
        rng = self.rng
        body = item.text.rstrip(".!?")
        stop = item.text[len(body) :]
        prose = body
        words = re.findall(r"[\w'’]+", body)
        plain = not item.prefix and not item.suffix
        if (
            plain
            and rng.random() < 0.2
            and 2 <= len(words) <= 14
            and all(
                w in self.common or w == "I" or (i == 0 and w.lower() in self.common)
                for i, w in enumerate(words)
            )
        ):
            prose = body.upper()
        else:
            prose = self._slang(prose, rng.choice((0, 1, 2, 3, 9)))
            if rng.random() < 0.15:
                found = list(_SHOUTED.finditer(prose))
                for match in rng.sample(found, min(len(found), rng.choice((1, 1, 2)))):
                    prose = prose[: match.start()] + match.group().upper() + prose[match.end() :]
            if rng.random() < 0.35:
                prose = _LONE_I.sub("i", prose)
            if not item.prefix and rng.random() < 0.35:
                prose = prose[0].lower() + prose[1:]
            elif plain and rng.random() < 0.2:
                item.prefix = ("professional", phrases.SLANG_START.draw(rng, self.held_out))
            if item.suffix is None and rng.random() < 0.15:
                item.suffix = ("professional", phrases.SLANG_END.draw(rng, self.held_out))
        if stop == "." and rng.random() < 0.3:
            item.stop = "!" * rng.randint(2, 5)
        elif stop == "?" and rng.random() < 0.4:
            item.stop = "?" * rng.randint(2, 4)
        if prose != body:
            item.prose = prose
        return (
            prose != body
            or item.stop is not None
            or "professional" in {pair[0] for pair in (item.prefix, item.suffix) if pair}
        )

    def _slang(self, text: str, most: int) -> str:
        found = [match for match in _CLEAN.finditer(text) if self._known(match.group())]
        chosen = self.rng.sample(found, min(most, len(found)))
        for match in sorted(chosen, key=lambda m: -m.start()):
            slang = self.rng.choice(_TO_SLANG[match.group()])
            text = text[: match.start()] + slang + text[match.end() :]
        return text

    def _known(self, clean: str) -> bool:
        return self.held_out or not any(form in _HELD_INGS for form in _TO_SLANG[clean])


def draw_families(rng: random.Random, objectives: Collection[str]) -> list[str]:
    """Draw which families degrade a draft, given the objectives of its edit."""
    if rng.random() < 0.12:
        return []
    if rng.random() < 0.08:
        return [family for family in TIER if family not in objectives and rng.random() < 0.5]
    chosen = {"professional": 0.8, "length": 0.75}
    return [
        family
        for family in TIER
        if rng.random() < (chosen.get(family, 0.65) if family in objectives else 0.17)
    ]
