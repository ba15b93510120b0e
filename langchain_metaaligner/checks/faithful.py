"""Whether an edit says what the retrieved texts say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings

from langchain_metaaligner.checks.texts import new_sentences, sentences
from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.errors import SettingError

COURTESIES = (
    "I hope this helps.",
    "Let me know if you have any questions.",
    "Please ask again if you would like more detail or an example.",
    "Enjoy!",
    "I am sorry.",
    "Thank you for asking.",
)
"""What an answer may say to its reader whatever was retrieved."""


@dataclass(frozen=True)
class FaithfulToContext:
    """Refuses an edit with a new sentence that is near to none of the retrieved texts.

    A sentence that the draft has not word for word must be as near as ``threshold`` to some
    sentence of the retrieved texts, the question, the draft or ``courtesies``. Nearness is the
    cosine of sentence embeddings: it finds what is about something else, and no wrong figure or
    negation in a sentence that is otherwise alike; add `NothingNew` for figures. Without retrieved
    texts nothing is refused.

    Args:
        embeddings: any LangChain `Embeddings`.
        threshold: the least cosine, which depends on the model; 0.5 is made for all-MiniLM-L6-v2.
        courtesies: sentences that say nothing of the matter.

    Raises:
        SettingError: if these are no embeddings, or the threshold is not between -1 and 1.
    """

    embeddings: Embeddings
    threshold: float = 0.5
    courtesies: tuple[str, ...] = COURTESIES

    def __post_init__(self) -> None:
        if not isinstance(self.embeddings, Embeddings):
            raise SettingError(
                f"FaithfulToContext: embeddings is a {type(self.embeddings).__name__}. Give a "
                "LangChain Embeddings, such as HuggingFaceEmbeddings or OpenAIEmbeddings."
            )
        if not isinstance(self.threshold, int | float) or not -1 <= self.threshold <= 1:
            raise SettingError(
                f"FaithfulToContext: threshold={self.threshold!r}. Give a cosine, from -1 to 1."
            )

    def __call__(
        self, draft: str, edit: str, question: str = "", context: tuple[str, ...] = ()
    ) -> Refusal | None:
        """The refusal, or None."""
        new = [
            sentence for sentence in new_sentences(draft, edit) if any(map(str.isalpha, sentence))
        ]
        if not context or not new:
            return None
        texts = (*context, question, draft)
        sources = [sentence for text in texts for sentence in sentences(text)]
        sources += self.courtesies
        vectors = [_unit(vector) for vector in self.embeddings.embed_documents([*new, *sources])]
        for sentence, vector in zip(new, vectors, strict=False):
            nearest = max(_cosine(vector, other) for other in vectors[len(new) :])
            if not nearest >= self.threshold:
                detail = f"No retrieved text is near to {sentence[:80]!r}: {nearest:.2f} at best."
                return Refusal("unfaithful", detail)
        return None


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(math.fsum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(one, other, strict=True))
