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

SURE = 0.95
"""How probable a language must be to count."""

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
        known = {language for text in _pieces(draft) if (language := self._of(text))}
        new = new_sentences(_words(draft), _words(edit))
        for text in (*new, " ".join(new)) if known else ():
            language = self._of(text)
            if language and language not in known:
                languages = " and ".join(sorted(known))
                detail = f"The edit says {text[:60]!r} in {language}; the draft is in {languages}."
                return Refusal("language", detail)
        return None

    def _of(self, text: str) -> str | None:
        if sum(map(str.isalpha, text)) < LETTERS and not self.detect:
            return None
        return (self.detect or _detected)(text)


def _words(text: str) -> str:
    return _NO_WORDS.sub(" ", text)


def _pieces(text: str) -> list[str]:
    """A text as a whole, and its sentences."""
    words = _words(text)
    return [words, *sentences(words)]


def _detected(text: str) -> str | None:
    language, probability = _identifier().classify(text)
    return str(language) if probability >= SURE else None


@functools.lru_cache(maxsize=1)
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as missing:
        raise MissingExtraError("Telling languages apart", "checks") from missing
    return LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
