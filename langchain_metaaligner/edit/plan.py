"""The way of one answer: from question and draft to a prompt, and from the output to a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from langchain_metaaligner.edit.checks import Check, Preserved, Refusal, refuse
from langchain_metaaligner.edit.disarm import Guard
from langchain_metaaligner.edit.exchange import Question
from langchain_metaaligner.edit.record import Alignment, Decision
from langchain_metaaligner.errors import MissingQuestionError
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.templates import HUMAN_MARK, EditTemplate

Fits = Callable[[str, str], bool]
"""Whether a prompt, and an edit as long as the answer, fit the model together."""


@dataclass(frozen=True)
class Brief:
    """What is asked of the model for one answer.

    Attributes:
        question: the question as it came: a string or messages.
        answer: the draft.
        context: retrieved texts, most relevant first.
        objectives: what the edit is to improve.
        template: how it is asked.
        model: what the record calls the model.
    """

    question: Question
    answer: str
    context: tuple[str, ...]
    objectives: tuple[Objective, ...]
    template: EditTemplate
    model: str


@dataclass(frozen=True)
class EditPlan:
    """A brief made into a prompt. ``prompt`` is None where no form of it fits the model."""

    brief: Brief
    guard: Guard
    question: str
    prompt: str | None

    def record(self, text: str, decision: Decision, **facts: Any) -> Alignment:
        """The record of this answer with ``text`` as the final one."""
        return _record(self.brief, self.question, text, decision, facts)

    def keep(self, refusal: Refusal, **facts: Any) -> Alignment:
        """The record of this answer with the original standing."""
        told = {"reason": refusal.reason, "detail": refusal.detail, **facts}
        return self.record(self.brief.answer, "kept", **told)


def keep(brief: Brief, refusal: Refusal) -> Alignment:
    """The record of an answer for which no prompt was made."""
    told = {"reason": refusal.reason, "detail": refusal.detail}
    return _record(brief, "", brief.answer, "kept", told)


UNTOUCHED = {
    reason: Refusal(reason, detail)
    for reason, detail in (
        ("tool_calls", "A turn that calls tools is not an answer."),
        ("empty_draft", "The answer has no text."),
        ("not_one_text", "The answer is not one text, but several blocks or another medium."),
    )
}
"""Why an answer is none to edit."""


def _record(
    brief: Brief, question: str, text: str, decision: Decision, facts: dict[str, Any]
) -> Alignment:
    return Alignment(
        text=text,
        original=brief.answer,
        decision=decision,
        question=question,
        objectives=tuple(objective.name for objective in brief.objectives),
        model=brief.model,
        template=brief.template.name,
        **facts,
    )


class CompletionReport(BaseCallbackHandler):
    """Hears what a LangChain model reports of one completion besides its text.

    Finish reasons and token counts do not pass through ``batch`` and ``stream``, but callbacks
    see them.
    """

    run_inline = True

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None

    def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Take down the report; of several tries, the last one counts."""
        if not response.generations or not response.generations[0]:
            return
        generation = response.generations[0][0]
        info = generation.generation_info or {}
        message = getattr(generation, "message", None)
        told = {**getattr(message, "response_metadata", {}), **info}
        usage = getattr(message, "usage_metadata", None) or {}
        self.finish_reason = told.get("finish_reason") or told.get("done_reason")
        self.prompt_tokens = told.get("prompt_tokens", usage.get("input_tokens"))
        self.completion_tokens = told.get("completion_tokens", usage.get("output_tokens"))


def plan(brief: Brief, fits: Fits) -> EditPlan:
    """The edit prompt of one answer.

    Where it is too long for the model, retrieved texts go first, the least relevant before the
    others, then the oldest turns. The last question and the answer are never cut.

    Raises:
        MissingQuestionError: if the question is blank.
    """
    guard = Guard.over(_texts(brief))
    disarm = guard.disarm_turn if brief.template.dialogue else guard.disarm
    answer = disarm(brief.answer)
    asked = brief.template.question_text(_disarmed(brief, guard))
    if not asked.strip():
        raise MissingQuestionError(f"The question is blank. {EXPLICIT_FORMS}")
    context = [disarm(text) for text in brief.context]
    for question in _from_longest(brief.template, asked, context):
        prompt = brief.template.format(question, answer, brief.objectives)
        if fits(prompt, answer):
            return EditPlan(brief, guard, guard.restore(question), prompt)
    return EditPlan(brief, guard, guard.restore(asked), None)


EXPLICIT_FORMS = (
    'Pass it along with the answer: {"question": ..., "answer": ...}, or a list of messages that '
    "ends with the answer, or call align(question, answer)."
)


def _texts(brief: Brief) -> Iterator[str]:
    yield brief.answer
    yield from brief.context
    if isinstance(brief.question, str):
        yield brief.question
    else:
        yield from (message.text for message in brief.question)


def _disarmed(brief: Brief, guard: Guard) -> Question:
    question, dialogue = brief.question, brief.template.dialogue
    if isinstance(question, str):
        marked_up = dialogue and HUMAN_MARK in question
        return guard.disarm_turn(question) if dialogue and not marked_up else guard.disarm(question)
    disarm = guard.disarm_turn if dialogue else guard.disarm
    return [_with_text(message, disarm(message.text)) for message in question]


def _with_text(message: BaseMessage, text: str) -> BaseMessage:
    return message.model_copy(update={"content": text})


def _from_longest(template: EditTemplate, asked: str, context: Sequence[str]) -> Iterator[str]:
    for kept in range(len(context), 0, -1):
        yield template.with_context(asked, context[:kept])
    yield asked
    yield from template.shortened(asked)


def conclude(
    planned: EditPlan,
    output: str,
    completion: CompletionReport,
    seconds: float,
    preserve: Sequence[Preserved] = (),
    checks: Sequence[Check] = (),
) -> Alignment:
    """The record of an answer for which the model has written ``output``.

    A check that fails is a reason to keep the original, like a check that refuses.
    """
    draft, template = planned.brief.answer, planned.brief.template
    edit = planned.guard.restore(template.clean(output))
    try:
        refusal = refuse(
            draft,
            edit,
            raw=output,
            template=template,
            finish_reason=completion.finish_reason,
            preserve=preserve,
            checks=checks,
        )
    except Exception as error:  # a check is the user's code: it must not cost them the answer
        refusal = failure(error)
    facts = {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seconds": seconds,
    }
    if refusal:
        return planned.keep(refusal, rejected=edit, **facts)
    return planned.record(edit, "unchanged" if edit == draft else "edited", **facts)


def failure(error: BaseException) -> Refusal:
    """The refusal for a model or a check that failed."""
    return Refusal("error", f"{type(error).__name__}: {error}")


TOO_LONG = Refusal(
    "too_long", "The last question and the answer do not fit the context of the model."
)
