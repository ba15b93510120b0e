"""Structured answers: the named texts of an object are edited together, or none of them is.

Each text has a prompt of its own, and all are asked about in one call of the model. The object
counts as one answer: if the edit of one text is refused, or the object is no valid one with the
edits in it, the draft stands as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_metaaligner.edit.case import Refusal
from langchain_metaaligner.edit.exchange import (
    ANSWER_KEYS,
    QUESTION_KEYS,
    Exchange,
    Keys,
    read,
    read_question,
)
from langchain_metaaligner.edit.paths import (
    NoFieldError,
    Place,
    names_in,
    parse_path,
    shown,
    texts_at,
    with_texts,
)
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.shapes import Shape, TextShape, WholeShape
from langchain_metaaligner.edit.verdict import NOT_NEEDED, UNTOUCHED, keep
from langchain_metaaligner.errors import EditRejectedError

STRUCTURED = ("structured_response", "parsed")
"""Where an agent, or a model ``with_structured_output(include_raw=True)``, puts its object."""


@dataclass(frozen=True)
class Structure:
    """A structured answer in a value from the chain.

    Attributes:
        value: the value.
        place: where the answer is in it; empty where it is the value itself.
        texts: the texts to edit, by their places in the answer.
        problem: why there are none; None where there may be.
    """

    value: Any
    place: Place
    texts: Mapping[Place, str]
    problem: str | None = None

    def edited(self, texts: Mapping[Place, str]) -> Any:
        """The value with other texts in the answer, validated again.

        Raises:
            ValueError: if it is no valid one with them.
        """
        return with_texts(self.value, {(*self.place, *at): text for at, text in texts.items()})


@dataclass
class FieldsShape(WholeShape):
    """A structured answer, whose texts go back together.

    Attributes:
        structure: the answer.
        final: the value with the edits in it, once there is one.
    """

    structure: Structure
    final: Any = None

    def write(self, alignment: Alignment) -> Any:
        """The value with all texts edited, or as it was.

        Raises:
            EditRejectedError: if the answer is refused, and no valid one with the refusal in it.
        """
        if alignment.decision == "edited":
            return self.final
        if alignment.decision != "refused":
            return self.structure.value
        try:
            return self.structure.edited(dict.fromkeys(self.structure.texts, alignment.text))
        except ValueError as error:  # the draft is not to be shown, and nothing else fits
            raise EditRejectedError(alignment) from error


def read_structure(value: Any, paths: Sequence[str], keys: Keys) -> Structure | None:
    """The structured answer in a value; None for texts, messages, and states without one.

    The answer is what stands under ``structured_response`` or ``parsed``, an object under the key
    of the answer, or the value itself: the first of these that has what the paths begin with.
    """
    names = names_in(value)
    if not paths or not names:
        return None
    keyed = (*STRUCTURED, *((keys.answer,) if keys.answer else ANSWER_KEYS))
    inner = [(name,) for name in keyed if name in names and names_in(_at(value, name))]
    places: list[Place] = [*inner, ()]
    if not inner and ("messages" in names or _is_text_answer(value, names, keys)):
        return None
    parsed = [parse_path(path) for path in paths]
    heads = {steps[0] for steps in parsed}
    place = next((one for one in places if heads <= set(names_in(_at(value, *one)))), places[0])
    texts: dict[Place, str] = {}
    try:
        for steps in parsed:
            texts |= dict(texts_at(_at(value, *place), steps))
    except NoFieldError as error:
        return Structure(value, place, {}, str(error))
    return Structure(value, place, texts)


def _at(value: Any, *place: Any) -> Any:
    for name in place:
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def _is_text_answer(value: Any, names: Sequence[str], keys: Keys) -> bool:
    """Whether a value holds an answer as a text, which is edited as such."""
    keyed = (keys.answer,) if keys.answer else ANSWER_KEYS
    name = next((name for name in keyed if name in names), None)
    return name is not None and _at(value, name) is not None and not names_in(_at(value, name))


def exchange_of(structure: Structure, keys: Keys) -> Exchange:
    """What led to a structured answer, as far as the value tells."""
    value, names = structure.value, names_in(structure.value)
    asked = (keys.question,) if keys.question else QUESTION_KEYS
    told = {
        name: _at(value, name)
        for name in (*asked, keys.context, keys.history)
        if name is not None and name in names
    }
    drafts = "\n\n".join(structure.texts.values())
    exchange = read({**told, keys.answer or ANSWER_KEYS[0]: drafts}, keys)
    if "messages" in names:
        return replace(exchange, question=read_question(_at(value, "messages")) or None)
    return exchange


def prepare_fields(
    structure: Structure, exchange: Exchange, prepare: Callable[[Exchange], Edit]
) -> Edit:
    """The edits of all texts as one answer.

    Args:
        structure: the answer.
        exchange: the question and the retrieved texts.
        prepare: makes the edit of one text.
    """
    shape: Shape = TextShape()
    parts = [
        prepare(replace(exchange, answer=text, shape=shape, untouched=None))
        for text in structure.texts.values()
    ]
    whole = prepare(replace(exchange, answer="", shape=shape, untouched="empty_draft"))
    drafts = "\n\n".join(structure.texts.values())
    record = replace(whole.record, text=drafts, original=drafts, question="")
    whole.shape, whole.parts = FieldsShape(structure), tuple(parts)
    if structure.problem is not None:
        record = keep(record, Refusal("no_field", structure.problem))
    elif not parts:
        record = keep(record, UNTOUCHED["empty_draft"])
    whole.record = record
    return whole


def parts_to_ask(edit: Edit) -> Sequence[Edit]:
    """The edits that the model is asked for: of a structured answer all of its texts, or none."""
    if not edit.parts:
        return (edit,)
    return edit.parts if all(part.prompt is not None for part in edit.parts) else ()


def join_parts(edit: Edit) -> None:
    """Decide about a structured answer by the records of its texts."""
    if not edit.parts:
        return
    assert isinstance(edit.shape, FieldsShape)
    structure, records = edit.shape.structure, [part.record for part in edit.parts]
    counts: dict[str, Any] = {
        "question": records[0].question,
        "prompt_tokens": _sum([one.prompt_tokens for one in records]),
        "completion_tokens": _sum([one.completion_tokens for one in records]),
        "seconds": max((one.seconds for one in records if one.seconds is not None), default=None),
    }
    record = replace(edit.record, decision="unchanged", reason=None, detail=None, **counts)
    for place, part in zip(structure.texts, edit.parts, strict=True):
        if part.record.decision == "kept" and part.record.reason != NOT_NEEDED.reason:
            why = Refusal(str(part.record.reason), f"{shown(place)}: {part.record.detail}")
            edit.error = part.error
            edit.record = keep(record, why, rejected=part.record.rejected)
            return
    if all(one.reason == NOT_NEEDED.reason for one in records):
        record = keep(record, NOT_NEEDED)
    elif any(one.decision == "edited" for one in records):
        record = _with_edits(edit, record, [one.text for one in records])
    edit.record = record


def _with_edits(edit: Edit, record: Alignment, texts: Sequence[str]) -> Alignment:
    assert isinstance(edit.shape, FieldsShape)
    structure, joined = edit.shape.structure, "\n\n".join(texts)
    try:
        edit.shape.final = structure.edited(dict(zip(structure.texts, texts, strict=True)))
    except ValueError as error:  # also pydantic's, from validators of the user
        detail = f"With the edits in it the answer is not valid: {error}"
        return keep(record, Refusal("invalid", detail), rejected=joined)
    return replace(record, text=joined, decision="edited")


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
