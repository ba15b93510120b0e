"""Training examples: token ids with the weights of the loss, and hints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from langchain_metaaligner.data.marked import Rendered, Span
from langchain_metaaligner.data.natural import INVENTIVE, NaturalPair
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.templates import TEMPLATES
from langchain_metaaligner.training.departures import departures

IGNORED = -100
NAMES = tuple(KNOWN)

#: What a token of the edit weighs: where it departs from the draft, where it comes back to it,
#: where a flaw stays that nobody asked to repair, where a sentence begins, where a clause does,
#: and all others. Among what is written anew, what can be told from the draft weighs more than what
#: has to be invented.
DEPARTS, RETURNS, STAYS, SENTENCE, CLAUSE, COPIED = 9.0, 3.0, 4.0, 2.0, 1.0, 0.4
TOLD, INVENTED = 2.0, 0.5


class Example(NamedTuple):
    """An example without the prefix that its template's prompts share.

    Attributes:
        template: name of its template.
        prompt: token ids.
        edit: token ids, with the end of sequence.
        weights: of the tokens of the edit.
        departing: for each token of the edit, whether it departs from the draft.
        tags: for each token of the prompt 0 in sound text of the draft, 1 and up in a flaw of an
            objective, -100 outside the draft.
        going: the same with 1 where the edit takes it out, else 0.
        hints: weights of the tags.
    """

    template: str
    prompt: list[int]
    edit: list[int]
    weights: list[float]
    departing: list[int]
    tags: list[int]
    going: list[int]
    hints: list[float]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.edit)


class Encoder:
    """Makes examples of pairs.

    Args:
        tokenizer: a fast one of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._end: int = tokenizer.eos_token_id
        self.prefixes = {form.name: self._prefix(form) for form in TEMPLATES.values()}

    def _prefix(self, form: Any) -> list[int]:
        """The tokens that all prompts of a template begin with."""
        first, second = (self._ids(form.format("x", "y", [name])) for name in NAMES[:2])
        shared = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
        return first[:shared]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, split_special_tokens=True).input_ids
        return ids

    def _encoded(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoded = self._tokenizer(text, split_special_tokens=True, return_offsets_mapping=True)
        return encoded.input_ids, encoded.offset_mapping

    def encode(self, pair: NaturalPair) -> Example | None:
        """The example of a pair; None where its prompt begins unlike others of its template."""
        prompt, places = self._encoded(pair.prompt)
        prefix = self.prefixes[pair.template]
        if prompt[: len(prefix)] != prefix:
            return None
        edit, edit_places = self._encoded(pair.rendered.edit)
        edit = [*edit, self._end]
        draft = [*self._ids(pair.rendered.draft), self._end]
        departing = departures(draft, edit)
        start = len(pair.prompt) - len(" | Edit: ") - len(pair.rendered.draft)
        hinted = _hints(pair.rendered, [(a - start, b - start) for a, b in places[len(prefix) :]])
        return Example(
            pair.template,
            prompt[len(prefix) :],
            edit,
            _weights(pair.rendered, draft, edit, edit_places, departing),
            [int(at in departing) for at in range(len(edit))],
            *hinted,
        )


def _weights(
    pair: Rendered,
    draft: Sequence[int],
    edit: Sequence[int],
    places: Sequence[tuple[int, int]],
    departing: Sequence[int],
) -> list[float]:
    text, weights = pair.edit, []
    for start, end in places:
        before = text[:start].rstrip(" ")
        if any(start <= one.start < end for one in pair.kept):
            weights.append(STAYS)
        elif not before or before[-1] in ".!?:\n":
            weights.append(SENTENCE)
        elif before[-1] in ",;(—–-" or text[start : start + 1] in ",;(—–":
            weights.append(CLAUSE)
        else:
            weights.append(COPIED)
        anew = _within(pair.written, start)
        if anew:
            weights[-1] = INVENTED if anew.objective in INVENTIVE else TOLD
        elif weights and len(weights) > 1 and _within(pair.written, places[len(weights) - 2][0]):
            weights[-1] = max(weights[-1], RETURNS)
    weights.append(SENTENCE)
    for at in departing:
        weights[at] = DEPARTS
    return weights


def _within(spans: Sequence[Span], place: int) -> Span | None:
    return next((one for one in spans if one.start <= place < one.end), None)


def _hints(
    pair: Rendered, places: Sequence[tuple[int, int]]
) -> tuple[list[int], list[int], list[float]]:
    """Tags, whether tokens go, and weights, by the place of each token in the draft.

    The model reads from left to right: what a sentence is, its end can tell best.
    """
    tags, going, weights = [], [], []
    for start, end in places:
        if start < -1 or end <= 0 or end > len(pair.draft) or start == end:
            tags.append(IGNORED)
            going.append(IGNORED)
            weights.append(0.0)
            continue
        goes, stays = (_within(spans, end - 1) for spans in (pair.going, pair.staying))
        flaw = goes or stays
        tags.append(1 + NAMES.index(flaw.objective) if flaw else 0)
        going.append(int(goes is not None))
        if flaw:
            weights.append(1.0 if pair.draft[end : flaw.end].strip() else 4.0)
        else:
            weights.append(1.0 if pair.draft[end - 1] in ".!?\n" else 0.3)
    return tags, going, weights


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
