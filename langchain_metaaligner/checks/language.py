"""The language of an answer."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_metaaligner.checks.texts import new_sentences, sentences
from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.errors import MissingExtraError, SettingError

POSSIBLE = 0.05
"""From which probability on a language may be that of a draft."""

FOREIGN = 0.1
"""Below which probability a text is in none of the draft's languages."""

SURE = 0.8
"""How probable a language must be to be told."""

LETTERS = 12
"""Letters that a text must have for its language to be asked."""

_NO_WORDS = re.compile(r"```.*?```|`[^`\n]+`|https?://\S+|www\.\S+|\S+@\S+", re.DOTALL)


@dataclass(frozen=True)
class LanguageKept:
    """Refuses an edit with sentences in a language that the draft is not written in.

    Sentences of the draft, code and addresses do not count. Where a language cannot be told, as of
    a few words, nothing is refused.

    Args:
        detect: tells the language of a text, in any names, or None where it is not sure. By itself
            py3langid does: ``pip install 'langchain-metaaligner[checks]'``.

    Raises:
        MissingExtraError: if py3langid is needed and not installed.

    >>> known = {"Wash it cold.": "en", "Waschen Sie ihn kalt.": "de"}
    >>> LanguageKept(detect=known.get)("Wash it cold.", "Waschen Sie ihn kalt.").detail
    "The edit says 'Waschen Sie ihn kalt.' in de; the draft is in en."
    """

    detect: Callable[[str], str | None] | None = None

    def __post_init__(self) -> None:
        if self.detect is None:
            _identifier()
        elif not callable(self.detect):
            raise SettingError(
                f"LanguageKept: detect={self.detect!r:.200}. Give a function from a text to the "
                "name of its language, or None for py3langid."
            )

    def __call__(self, draft: str, edit: str) -> Refusal | None:
        """The refusal, or None."""
        known = self._languages(draft)
        new = new_sentences(_words(draft), _words(edit)) if known else []
        for text in (*new, " ".join(new)):
            shares = self._shares(text)
            if shares and sum(shares.get(language, 0) for language in known) < FOREIGN:
                foreign, native = (max(some, key=some.__getitem__) for some in (shares, known))
                detail = f"The edit says {text[:60]!r} in {foreign}; the draft is in {native}."
                return Refusal("language", detail)
        return None

    def _languages(self, draft: str) -> dict[str, float]:
        """The languages that a draft may be written in, one of its sentences or the whole."""
        words = _words(draft)
        known: dict[str, float] = {}
        for text in (*sentences(words), words):
            known |= {name: p for name, p in self._shares(text).items() if p >= POSSIBLE}
        return known

    def _shares(self, text: str) -> dict[str, float]:
        """How probable each language is; nothing where none can be told."""
        if self.detect is not None:
            language = self.detect(text)
            return {language: 1.0} if language else {}
        if sum(map(str.isalpha, text)) < LETTERS:
            return {}
        return dict(_identifier().rank(text))


def language_of(text: str) -> str | None:
    """The language of a text by its ISO 639-1 code; None where it cannot be told.

    Raises:
        MissingExtraError: if py3langid is not installed.
    """
    words = _words(text)
    if sum(map(str.isalpha, words)) < LETTERS:
        return None
    language, probability = _identifier().rank(words)[0]
    return str(language) if probability >= SURE else None


def _words(text: str) -> str:
    return _NO_WORDS.sub(" ", text)


@functools.lru_cache(maxsize=1)
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as missing:
        raise MissingExtraError("Telling languages apart", "checks") from missing
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
