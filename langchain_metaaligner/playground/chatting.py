"""A conversation whose answers are corrected, with the raw ones beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.files.calls import reason
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.playground.aligners import towards
from langchain_metaaligner.runnable import MetaAlignerRunnable


@dataclass(frozen=True)
class Turn:
    """One question of a conversation, and what was answered.

    Attributes:
        question: what the user wrote.
        draft: the model's own answer, as far as it is written.
        record: what the aligner made of it; None before it is done.
        error: why there is no answer, or no corrected one, in a line.
    """

    question: str
    draft: str = ""
    record: Alignment | None = None
    error: str | None = None

    @property
    def final(self) -> str:
        """What the user would be shown: the corrected answer, or the draft where there is none."""
        return self.draft if self.record is None else self.record.text


def messages_of(turns: Sequence[Turn]) -> list[BaseMessage]:
    """A conversation as the model sees it: its own earlier turns are the corrected ones."""
    messages: list[BaseMessage] = []
    for turn in turns:
        messages.append(HumanMessage(turn.question))
        if turn.final:
            messages.append(AIMessage(turn.final))
    return messages


def answer_turn(
    model: BaseChatModel,
    aligner: MetaAlignerRunnable,
    objectives: Sequence[Objective],
    before: Sequence[Turn],
    question: str,
) -> Iterator[Turn]:
    """The turn as it grows: the draft in pieces, and at the end the record.

    A model or an aligner that fails is an error of the turn, which keeps what was written by then.
    """
    turn = Turn(question)
    yield turn
    dialogue = [*messages_of(before), HumanMessage(question)]
    try:
        for chunk in model.stream(dialogue):
            if chunk.text:
                turn = replace(turn, draft=turn.draft + chunk.text)
                yield turn
    except Exception as error:  # each provider's client raises errors of its own
        yield replace(turn, error=f"The chat model failed. {reason(error)}")
        return
    try:
        record = aligner.align(dialogue, turn.draft, towards(objectives))
    except MetaAlignerError as error:
        yield replace(turn, error=str(error))
        return
    yield replace(turn, record=record)
