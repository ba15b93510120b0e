"""Facts in an edit that come from nowhere: numbers, names and addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.errors import SettingError, nearest

Fact = Literal["numbers", "names", "urls"]

_URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'`)\]}]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|ai|app|dev|info|eu|uk|de|fr|es|it|nl|ch|at|in"
    r"|jp|cn|ru|br|au|ca)\b(?:/[^\s<>\"'`)\]}]*)?",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?\d+[.)](?=\s)", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,:/'\u2019\u00a0\u202f]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:([.,'\u2019\u00a0\u202f])\d{3})(?:\1\d{3})*")
_CAPITALISED = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_UP_TO_19 = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_LARGE = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_WORD_NUMBERS = {
    **{word: str(value) for value, word in enumerate(_UP_TO_19.split(), start=2)},
    **{word: str(10 * value) for value, word in enumerate(_TENS.split(), start=2)},
    **{word: str(value) for word, value in _LARGE.items()},
}


@dataclass(frozen=True, init=False)
class NothingNew:
    """Refuses an edit with numbers, names or addresses that its sources do not have.

    The sources are the draft, the question and the retrieved texts.

    - Numbers are compared by value: ``1,000`` is ``1000``, and in English ``four`` is ``4``.
      Numbers of list items do not count.
    - Names are capitalised words inside of a sentence. Its first word is not known for a name, and
      languages that capitalise all nouns or have no capitals want a recogniser of their own
      (``recognise``).
    - Addresses are URLs, e-mail addresses and bare domains.

    Args:
        facts: "numbers", "names", "urls"; all of them where none is named.
        recognise: finds the names in a text, instead of the rule above.

    Raises:
        SettingError: if there is no such kind of fact.

    >>> check = NothingNew()
    >>> check(draft="It opens early.", edit="It opens at 9.", question="When?", context=()).detail
    "The edit has new numbers: '9'."
    >>> check(draft="It opens early.", edit="It opens at 9.", question="When?", context=("9-5",))
    """

    facts: tuple[Fact, ...]
    recognise: Callable[[str], Iterable[str]] | None = field(default=None)

    def __init__(
        self, *facts: Fact, recognise: Callable[[str], Iterable[str]] | None = None
    ) -> None:
        known = get_args(Fact)
        for fact in facts:
            if fact not in known:
                raise SettingError(
                    f"NothingNew knows no {fact!r}.{nearest(str(fact), known)} "
                    f"It knows: {', '.join(known)}."
                )
        object.__setattr__(self, "facts", facts or known)
        object.__setattr__(self, "recognise", recognise)

    def __call__(
        self, draft: str, edit: str, question: str = "", context: tuple[str, ...] = ()
    ) -> Refusal | None:
        """The refusal, or None."""
        sources = "\n".join((draft, question, *context))
        for fact in self.facts:
            new = list(dict.fromkeys(self._new(fact, edit, sources)))
            if new:
                listed = ", ".join(map(repr, new[:5]))
                return Refusal(f"new_{fact}", f"The edit has new {fact}: {listed}.")
        return None

    def _new(self, fact: Fact, edit: str, sources: str) -> Iterator[str]:
        if fact == "urls":
            known = set(map(_address, urls(sources)))
            return (url for url in urls(edit) if _address(url) not in known)
        if fact == "numbers":
            values = {value for number in numbers(sources) for value in _readings(number)}
            return (number for number in numbers(edit) if not values & _readings(number))
        words = set(_words(sources))
        named = self.recognise(_plain(edit)) if self.recognise else names(edit)
        return (name for name in named if not set(_words(name)) <= words)


def urls(text: str) -> list[str]:
    """The addresses in a text.

    >>> urls("See https://a.org/x?y=1. Or write to me@b.com, or shop.example.com!")
    ['https://a.org/x?y=1', 'me@b.com', 'shop.example.com']
    """
    return [found.rstrip(".,;:!?*_") for found in _URL.findall(text)]


def numbers(text: str) -> list[str]:
    r"""The numbers in a text, those in addresses and of list items aside.

    >>> numbers("1. Take 2 pills.\n2. Wait four hours, till 10:30.")
    ['2', 'four', '10:30']
    """
    plain = _LIST_MARK.sub(" ", _plain(text))
    spans = [(found.start(), found[0]) for found in _NUMBER.finditer(plain)]
    words = re.finditer(r"[^\W\d_]+", plain)
    spans += [(word.start(), word[0]) for word in words if word[0].casefold() in _WORD_NUMBERS]
    return [number for _, number in sorted(spans)]


def names(text: str) -> list[str]:
    """The names in a text, by their capitals.

    >>> names("Ask Dr. Okafor in Lagos. Marie Curie knew. Wash it, and I dry it.")
    ['Dr. Okafor', 'Lagos', 'Curie']
    """
    plain = _plain(text)
    runs: list[tuple[int, int]] = []  # where runs of capitalised words begin and end
    for word in _CAPITALISED.finditer(plain):
        if not _is_capitalised(word[0]) or _begins_sentence(plain, word.start()):
            continue
        last = plain[slice(*runs[-1])].rpartition(" ")[2] if runs else ""
        between = plain[runs[-1][1] : word.start()] if runs else ""
        if runs and (between == " " or (between == ". " and last in _TITLES)):
            runs[-1] = (runs[-1][0], word.end())
        else:
            runs.append((word.start(), word.end()))
    return [plain[start:end] for start, end in runs]


_TITLES = ("Dr", "Mr", "Mrs", "Ms", "Prof", "St")
_PRONOUNS = ("I", "I'm", "I'll", "I've", "I'd")


def _is_capitalised(word: str) -> bool:
    if word.replace("’", "'") in _PRONOUNS:
        return False
    return word[0].isupper() and (len(word) > 1 or not word.isascii())


def _begins_sentence(text: str, at: int) -> bool:
    before = text[max(0, at - 40) : at].rstrip(" \t\"'“”‘’«»([*_#>-")
    title = before[:-1].rpartition(" ")[2] in _TITLES
    return not before or (before[-1] in ".!?:…\n" and not title)


def _plain(text: str) -> str:
    """A text without its addresses, and with the digits and letters of one width."""
    return _URL.sub(" ", unicodedata.normalize("NFKC", text))


def _readings(number: str) -> set[str]:
    """What a number may mean: 1.000 is a thousand in some languages, and one in others."""
    number = _WORD_NUMBERS.get(number.casefold(), number)
    number = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in number)
    readings = {number, number.replace(",", ".")}
    if _GROUPED.fullmatch(number):
        readings.add(re.sub(r"\D", "", number))
    return readings


def _address(url: str) -> str:
    """What two ways of writing one address have in common."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", url, flags=re.IGNORECASE).rstrip("/")
    host, slash, path = bare.partition("/")
    return host.casefold() + slash + path


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text).casefold())
