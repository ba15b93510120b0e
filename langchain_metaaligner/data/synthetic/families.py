"""The families of degradations: for every objective one kind of flaw that a reader recognises.

The first tier is what the bundled aligner is trained to undo exactly; the others are its breadth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from langchain_metaaligner.data.synthetic.grammar import Grammar, grammar, phrase_file, split_words

FIRST_TIER = ("harmless", "helpful", "professional", "repeat", "length")
BREADTH = (
    "humor", "readable", "honest", "truthful", "factual", "correct", "informative", "specific",
    "instruction_following", "fair",
)  # fmt: skip
FAMILIES = (*FIRST_TIER, *BREADTH)

#: What an edit ends with where it took out a dismissal, or a gloomy remark.
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "humor": "Have fun with it, and keep smiling!",
        "helpful": "Let me know if you would like more detail or an example.",
    }
)


@dataclass(frozen=True)
class Family:
    """What one objective's degradations are made of.

    Attributes:
        sentence: whole sentences that the edit takes out.
        opening: phrases before a sentence, which goes on in lower case.
        aside: phrases before a sentence's stop.
        opener: sentences that stand before the answer.
        closer: sentences that stand behind it.
        words: a plain form and the forms that stand for it in a degraded draft.
    """

    sentence: Grammar | None = None
    opening: Grammar | None = None
    aside: Grammar | None = None
    opener: Grammar | None = None
    closer: Grammar | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _family(entry: Mapping[str, Any]) -> Family:
    return Family(
        sentence=grammar(entry, "sentence"),
        opening=grammar(entry, "opening") or grammar(entry, "preamble"),
        aside=grammar(entry, "aside"),
        opener=grammar(entry, "opener"),
        closer=grammar(entry, "closer"),
        words=MappingProxyType(
            {
                str(plain): tuple(split_words(forms))
                for plain, forms in entry.get("words", {}).items()
            }
        ),
    )


def _families() -> dict[str, Family]:
    files = {name: phrase_file(name) for name in FIRST_TIER if name != "repeat"}
    return {name: _family(entry) for name, entry in {**files, **phrase_file("breadth")}.items()}


#: Every family but ``repeat``, which needs no phrases.
KNOWN: Mapping[str, Family] = MappingProxyType(_families())
#: Verbs whose ``-ing`` loses its g, and words that are shouted alone.
DROPPED = tuple(split_words(phrase_file("professional")["dropped"]))
SHOUTED = tuple(split_words(phrase_file("professional")["shouted"]))
