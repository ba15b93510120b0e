"""From question and draft to an edit prompt: `Edit`, the record of one answer on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.content import text_of
from langchain_metaaligner.edit.deadline import NEVER, Deadline
from langchain_metaaligner.edit.disarm import Guard
from langchain_metaaligner.edit.exchange import Exchange, Question
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.shapes import Shape
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.templates import EditTemplate, dialogue_text

Fits = Callable[[str, str], bool]
"""Whether a prompt, and an edit as long as the answer, fit the model together."""

EXPLICIT_FORMS = (
    'Pass it along with the answer: {"question": ..., "answer": ...}, or a list of messages that '
    "ends with the answer, or call align(question, answer)."
)


@dataclass
class Edit:
    """One answer on its way.

    Attributes:
        shape: where the answer goes back.
        config: the config of the call that brought it.
        record: what is known of it so far; at the end, what became of it.
        question: the question alone.
        context: retrieved texts.
        objectives: what is to be improved.
        exchange: the answer and its question, as they were read.
        draft: the draft as it stands in the prompt.
        prompt: the edit prompt; None where the model is not asked.
        guard: undoes in the edit what was done to the user's text in the prompt.
        deadline: when the answer is to be there.
        run: the aligner's own run; None where it has none.
        error: what failed on the way, in code that is not ours.
        parts: of a structured answer, the edits of its texts.
    """

    shape: Shape
    config: RunnableConfig
    record: Alignment
    question: str = ""
    context: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    exchange: Exchange | None = None
    draft: str = ""
    prompt: str | None = None
    guard: Guard | None = None
    deadline: Deadline = NEVER
    run: Any = None
    error: Exception | None = None
    parts: tuple[Edit, ...] = ()


class Plan(NamedTuple):
    """How one answer is asked about.

    Attributes:
        guard: the stand-ins in the prompt, to be undone in the edit.
        draft: the draft as it stands in the prompt.
        question: the question alone, as its user wrote it; blank where it is not known.
        slot: what stands in the question slot, retrieved texts included, as it was written.
        prompt: the edit prompt; None where there is no question, or no form of it fits the model.
    """

    guard: Guard
    draft: str
    question: str
    slot: str
    prompt: str | None


def plan(exchange: Exchange, template: EditTemplate, aspects: str, fits: Fits) -> Plan:
    """The edit prompt of one answer.

    Where it is too long for the model, retrieved texts go first, the least relevant before the
    others, then the oldest turns. The last question and the answer are never cut.

    Args:
        exchange: the answer and its question.
        template: how an edit is asked for.
        aspects: the texts of the objectives.
        fits: tells whether a prompt fits.
    """
    question = exchange.question or ""
    guard = Guard.over((*_texts(question), exchange.answer, *exchange.context, aspects))
    disarm = guard.disarm_turn if template.dialogue else guard.disarm
    draft = disarm(exchange.answer)
    asked = template.question_text(_disarmed(question, template, guard))
    alone = guard.restore(asked)
    if not asked.strip():
        return Plan(guard, draft, "", "", None)
    context = [disarm(text) for text in exchange.context]
    aspects = guard.disarm_turn(aspects)
    for slot in _from_longest(template, asked, context):
        prompt = template.filled(aspects, slot, draft)
        if fits(prompt, draft):
            return Plan(guard, draft, alone, guard.restore(slot), prompt)
    return Plan(guard, draft, alone, alone, None)


def _texts(question: Question) -> Iterator[str]:
    if isinstance(question, str):
        yield question
    else:
        yield from (text_of(message.content) for message in question)


def _disarmed(question: Question, template: EditTemplate, guard: Guard) -> Question:
    dialogue = template.dialogue
    if isinstance(question, str):
        marked_up = dialogue and dialogue_text(question)
        return guard.disarm_turn(question) if dialogue and not marked_up else guard.disarm(question)
    disarm = guard.disarm_turn if dialogue else guard.disarm
    return [_with_text(message, disarm(text_of(message.content))) for message in question]


def _with_text(message: BaseMessage, text: str) -> BaseMessage:
    return message.model_copy(update={"content": text})


def _from_longest(template: EditTemplate, asked: str, context: Sequence[str]) -> Iterator[str]:
    for kept in range(len(context), 0, -1):
        yield template.with_context(asked, context[:kept])
    yield asked
    yield from template.shortened(asked)
