"""Training examples: an edit prompt, and what is to be marked on the words of its draft."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from langchain_metaaligner.data.marked import Rendered, Span
from langchain_metaaligner.data.natural import NaturalPair
from langchain_metaaligner.decode.passages import CLAUSE, SENTENCE, WORD, Word, words
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.templates import TEMPLATES

NAMES = tuple(KNOWN)

#: Objectives for which a sentence that a person would write anew may go without replacement.
DISPENSABLE = frozenset(("helpful", "harmless", "length", "humor", "repeat", "honest"))

_LETTERS = re.compile(r"\w+")

#: What a word weighs in the loss by what ends with it: where it goes, where it has a flaw that
#: nobody asked to repair, and where nothing is wrong. The last word of a sentence decides most.
WEIGHTS = {SENTENCE: (3.0, 2.5, 1.0), CLAUSE: (2.0, 1.0, 0.5), WORD: (0.4, 0.4, 0.15)}
#: The least weight of a word that goes without its clause, and of one right behind what goes.
ALONE, BORDER = 1.0, 0.8


class Label(NamedTuple):
    """What is to be marked on a word.

    Attributes:
        reach: 0 where it stays; `WORD`, `CLAUSE` or `SENTENCE` where all goes that this holds, as
            far as it has come.
        weight: in the loss; 0 where a person wrote something else instead.
        tag: 0, or 1 and the number of the objective whose flaw it is, asked for or not.
    """

    reach: int
    weight: float
    tag: int


class Example(NamedTuple):
    """An example without the prefix that its template's prompts share.

    Attributes:
        template: name of its template.
        prompt: token ids.
        places: the last token of each word of the draft, in ``prompt``.
        labels: of the words.
    """

    template: str
    prompt: list[int]
    places: list[int]
    labels: list[Label]

    def __len__(self) -> int:
        return len(self.prompt)


class Encoder:
    """Makes examples of pairs.

    Args:
        tokenizer: a fast one of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.prefixes = {form.name: self._prefix(form) for form in TEMPLATES.values()}

    def _prefix(self, form: Any) -> list[int]:
        """The tokens that all prompts of a template begin with."""
        first, second = (
            self._tokenizer(form.format("x", "y", [name])).input_ids for name in NAMES[:2]
        )
        shared = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
        return list(first[:shared])

    def encode(self, pair: NaturalPair) -> Example | None:
        """The example of a pair; None where its prompt begins unlike others of its template."""
        encoded = self._tokenizer(
            pair.prompt, split_special_tokens=True, return_offsets_mapping=True
        )
        prefix = self.prefixes[pair.template]
        if encoded.input_ids[: len(prefix)] != prefix:
            return None
        draft = pair.rendered.draft
        start = len(pair.prompt) - len(" | Edit: ") - len(draft)
        spans = encoded.offset_mapping[len(prefix) :]
        holds = {at - start: i for i, span in enumerate(spans) for at in range(*span)}
        inside = words(draft)
        places = [holds[word.end - 1] for word in inside]
        return Example(
            pair.template,
            encoded.input_ids[len(prefix) :],
            places,
            labels(pair.rendered, inside),
        )


def labels(pair: Rendered, inside: Sequence[Word]) -> list[Label]:
    """What is to be marked on each word of a draft."""
    kept = _kinds(pair, inside)
    going = [_span(pair.going, word) for word in inside]
    staying = [_span(pair.staying, word) for word in inside]
    whole = _whole(inside, going, kept)
    anew = {
        going[i]
        for i, word in enumerate(inside)
        if going[i] and kept[i] == "replace" and word.sentence not in whole
    }
    goes = [
        word.sentence in whole or (flaw is not None and flaw not in anew and _is_cut(flaw, kind))
        for word, flaw, kind in zip(inside, going, kept, strict=True)
    ]
    found = []
    for i, word in enumerate(inside):
        reach = next(
            (
                reach
                for reach, first in ((SENTENCE, word.sentence), (CLAUSE, word.clause), (WORD, i))
                if all(goes[first : i + 1])
            ),
            0,
        )
        flaw = going[i] or staying[i]
        weight = WEIGHTS[word.ends][0 if reach else 1 if staying[i] else 2]
        if reach == WORD and word.ends == WORD:
            weight = ALONE
        elif not reach and i and goes[i - 1]:
            weight = max(weight, BORDER)
        if going[i] in anew and word.sentence not in whole:
            weight = 0.0
        found.append(Label(reach, weight, 1 + NAMES.index(flaw.objective) if flaw else 0))
    return found


def _kinds(pair: Rendered, inside: Sequence[Word]) -> list[str]:
    """For each word of a draft what became of it: "equal", "replace" or "delete"."""
    draft = [_plain(pair.draft[word.start : word.end]) for word in inside]
    edit = [_plain(word) for word in pair.edit.split()]
    kinds: list[str] = []
    for kind, start, end, _, _ in SequenceMatcher(None, draft, edit, autojunk=False).get_opcodes():
        kinds += [kind] * (end - start)
    return kinds


def _plain(word: str) -> str:
    return "".join(_LETTERS.findall(word.lower())) or word


def _span(spans: Sequence[Span], word: Word) -> Span | None:
    """The span that holds at least half of a word."""
    half = (word.end - word.start) / 2
    return next((s for s in spans if min(word.end, s.end) - max(word.start, s.start) >= half), None)


def _is_cut(flaw: Span, kind: str) -> bool:
    """Whether a word of a flaw goes; of a repetition either one may be matched."""
    return kind == "delete" or (kind == "equal" and flaw.objective == "repeat")


def _whole(
    inside: Sequence[Word], going: Sequence[Span | None], kinds: Sequence[str]
) -> frozenset[int]:
    """The first words of sentences that go as a whole, though another may stand in their place."""
    sentences = defaultdict(list)
    for i, word in enumerate(inside):
        sentences[word.sentence].append(i)
    return frozenset(
        first
        for first, members in sentences.items()
        if (flaw := going[first])
        and all(going[i] for i in members)
        and flaw.objective in DISPENSABLE
        and sum(kinds[i] == "equal" for i in members) < 0.3 * len(members)
    )


def batches(
    encoder: Encoder, pairs: Iterator[NaturalPair], budget: int, longest: int
) -> Iterator[list[Example]]:
    """Yield examples of one template, about ``budget`` tokens of them, for ever.

    Examples of more than ``longest`` tokens are left out.
    """
    waiting: dict[str, list[Example]] = {}
    for pair in pairs:
        example = encoder.encode(pair)
        if example is None or len(example) > longest:
            continue
        group = waiting.setdefault(example.template, [])
        group.append(example)
        if sum(map(len, group)) >= budget:
            yield waiting.pop(example.template)
