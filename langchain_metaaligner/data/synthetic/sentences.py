"""Real answers cut into sentences, and the choice of those whose edit would be certain."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from langchain_metaaligner.data.synthetic.families import DROPPED, KNOWN
from langchain_metaaligner.data.synthetic.texts import Text

_BREAK = re.compile(r"(?<=[.!?])(?<!\d\.)[ ]+(?=[\"'(\[A-Z0-9*#-])|\n+[ ]*")

_SLOPPY = {form for forms in KNOWN["professional"].words.values() for form in forms}
_SLOPPY |= {word[:-1] for word in DROPPED}
_JARGON = {form for forms in KNOWN["readable"].words.values() for form in forms}

#: A sentence that any of these matches is no base: some family's edit would touch it.
_SUSPECT = re.compile(
    r"[!?]{2,}|\?!|w/|\b(?:lol|lmao|omg|tbh|ngl|imo|idk|btw|fyi|bro|dude|yo|haha|bruh|ya|fr|"
    + "|".join(sorted(word for word in _SLOPPY if word.isalnum()))
    + r")\b|(?<![\w.])i(?![\w.])|^[^\w]*[a-z]"
    r"|\b(?:NOT|NO|NEVER|ALWAYS|MUST|VERY|ALL|STOP|DO|NOW|AND|ONLY|FREE|YOU|THE)\b"
    rf"|\b(?:{'|'.join(sorted(_JARGON))})\b"
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
    r"|help you with|make(?:s)? sense\?|\bI (?:tried|did|tested|used|bought|remember|experienced)\b"
    r"|my (?:wife|husband|mother|father|friend|brother|sister|boss|doctor|neighbou?r)\b"
    r"|guarantee|100 ?%|depends|and so on|by the way|one could say|trust me|believe me"
    r"|(?:many|various|several|different) (?:things|aspects|factors|ways|points|considerations)"
    r"|every(?:one|body) (?:who|knows)|the opposite|no reason|is what it is|have fun|smil(?:e|ing))"
    r"|^(?:Sure|Certainly|Of course|Absolutely|Definitely|Yes|No|Well|Okay|Ok|OK|Hi|Hello|Hey"
    r"|Overall|Ultimately|Basically|Essentially|Generally|Simply|Please|Note|Remember|Look|Listen"
    r"|All in all|Actually|Wait|Hmm|Obviously|Finally, in"
    r"|Here|Good|Great|Thank|Needless|As (?:you|we|I|an|a)\b|In the end|I am|I['’]m|I would"
    r"|I['’]d)\b"
)


def sentences(text: str) -> list[tuple[str, str]]:
    r"""Cut a text into sentences, each with the white space behind it; joined they are the text.

    >>> sentences("One. Two!\n\nThree")
    [('One.', ' '), ('Two!', '\n\n'), ('Three', '')]
    """
    parts, start = [], 0
    for match in _BREAK.finditer(text):
        parts.append((text[start : match.start()], match.group()))
        start = match.end()
    parts.append((text[start:], ""))
    return parts


def is_clean(sentence: str) -> bool:
    """Say whether a sentence carries nothing that any edit would touch.

    >>> is_clean("Cats sleep a lot."), is_clean("Certainly, cats sleep a lot.")
    (True, False)
    """
    return not _SUSPECT.search(sentence)


class Corpus:
    """Windows of clean sentences from real answers.

    Attributes:
        common: the most frequent lower-case words.
        words: all words that occur more than once.
    """

    def __init__(self, texts: Iterable[Text]) -> None:
        self._runs: list[tuple[str, list[tuple[str, str]]]] = []
        counts: Counter[str] = Counter()
        for question, answer in texts:
            run: list[tuple[str, str]] = []
            seen: set[str] = set()
            for sentence, gap in sentences(answer.strip()):
                counts.update(re.findall(r"\b[a-z]+\b", sentence))
                if sentence.strip() and sentence not in seen and is_clean(sentence):
                    run.append((sentence, gap))
                    seen.add(sentence)
                else:
                    self._keep(question, run)
                    run, seen = [], set()
            self._keep(question, run)
        self.common = {word for word, _ in counts.most_common(1200)}
        self.words = [word for word, count in counts.items() if count > 1]
        weights = [sum(len(sentence.split()) for sentence, _ in run) for _, run in self._runs]
        # Answers about posts (IMHI) are many and much alike.
        self._cumulative = list(
            accumulate(
                weight // 3 if "Question:" in question else weight
                for weight, (question, _) in zip(weights, self._runs, strict=True)
            )
        )

    def __len__(self) -> int:
        return len(self._runs)

    def _keep(self, question: str, run: list[tuple[str, str]]) -> None:
        if sum(len(sentence.split()) for sentence, _ in run) >= 5:
            self._runs.append((question, run))

    def window(self, rng: random.Random, words: int) -> tuple[str, list[tuple[str, str]]]:
        """Draw a question and consecutive sentences, about ``words`` words, of an answer to it.

        Each sentence comes with the white space that stands before it.
        """
        while True:
            for _ in range(50):
                question, run = rng.choices(self._runs, cum_weights=self._cumulative)[0]
                start = rng.randrange(len(run)) if rng.random() < 0.7 else 0
                chosen: list[tuple[str, str]] = []
                count, gap = 0, " " if rng.random() < 0.75 else "\n\n"
                for sentence, after in run[start:]:
                    size = len(sentence.split())
                    if count + size > words * 1.35:
                        break
                    chosen.append((sentence, gap))
                    count, gap = count + size, after
                    if count >= words * 0.8:
                        break
                if chosen and count >= min(4, words * 0.6):
                    return question, chosen
            words = max(6, words // 2)
