"""Reads (question, answer) out of any LangChain value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langchain_core.prompt_values import PromptValue
from pydantic import BaseModel

from langchain_metaaligner.edit.content import text_of, untouched
from langchain_metaaligner.edit.messages import messages_in
from langchain_metaaligner.edit.record import Level
from langchain_metaaligner.edit.shapes import (
    DictShape,
    ListShape,
    MessageShape,
    ObjectShape,
    RawShape,
    Shape,
    TextShape,
)
from langchain_metaaligner.errors import ShapeError
from langchain_metaaligner.templates import role_of

QUESTION_KEYS = ("question", "input", "query", "prompt")
ANSWER_KEYS = ("answer", "response", "output", "result")

Question = str | Sequence[BaseMessage]


@dataclass(frozen=True)
class Exchange:
    """One answer with what led to it.

    Attributes:
        answer: the draft answer.
        shape: where the answer goes back.
        found_by: the text or message by which the upstream prompt is looked up.
        question: a string or messages; None where the value holds none.
        context: retrieved texts that the question was answered from.
        untouched: why this answer is not to be edited; None where it is.
    """

    answer: str
    shape: Shape
    found_by: str | BaseMessage
    question: Question | None = None
    context: tuple[str, ...] = ()
    untouched: str | None = None


@dataclass(frozen=True)
class Keys:
    """Under which keys of a dict, or fields of an object, things stand.

    Attributes:
        question: of the question; None for the usual ones, `QUESTION_KEYS`.
        answer: of the answer; None for the usual ones, `ANSWER_KEYS`.
        context: of retrieved texts; None leaves them out.
        history: of the turns before the question; None leaves them out.
        record: where the record goes, beside an answer that has no place for it; None for nowhere.
        level: how much of the record goes out.
    """

    question: str | None = None
    answer: str | None = None
    context: str | None = "context"
    history: str | None = "chat_history"
    record: str | None = None
    level: Level = "full"


def read(value: Any, keys: Keys = Keys()) -> Exchange:
    """The exchange in a value from the chain.

    Args:
        value: a string, an AI message, a list of messages, ``{"messages": [...]}``, or a dict
            with a question and an answer; an object with such fields; messages also as dicts
            (``{"role": ..., "content": ...}``) and ``(role, text)`` tuples.
        keys: where things stand in a dict.

    Raises:
        ShapeError: if no answer can be read.
    """
    if isinstance(value, str | BaseMessage):
        exchange = _read_answer(value, keys)
        if isinstance(value, str) and keys.record:
            shape = DictShape(exchange.shape, {}, ANSWER_KEYS[0], keys.record, keys.level)
            return replace(exchange, shape=shape)
        return exchange
    if isinstance(value, list | tuple) and value:
        return _read_messages(list(value), keys)
    fields = value if isinstance(value, Mapping) else _fields(value)
    if fields is None:
        raise ShapeError(
            f"No answer can be read from a {type(value).__name__}: {value!r:.200}. {_ALLOWED}"
        )
    put_back = DictShape if isinstance(value, Mapping) else ObjectShape
    if keys.answer is None and isinstance(fields.get("messages"), list):
        exchange = _read_messages(fields["messages"], keys)
        return replace(exchange, shape=put_back(exchange.shape, value, "messages"))
    if _is_raw_message(value):
        return _read_answer(value, keys)
    key, exchange = _read_pair(fields, keys)
    if put_back is DictShape:
        shape = DictShape(exchange.shape, value, key, keys.record, keys.level)
        return replace(exchange, shape=shape)
    return replace(exchange, shape=put_back(exchange.shape, value, key))


_ALLOWED = (
    "Give a string or AIMessage from a model, a list of messages that ends with an answer, "
    '{"messages": [...]}, or {"question": ..., "answer": ...}.'
)


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of a pydantic object or a dataclass."""
    if isinstance(value, BaseModel):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _is_raw_message(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "content" in value and ("role" in value or "type" in value)
    pair = isinstance(value, list | tuple) and len(value) == 2
    return pair and isinstance(value[0], str) and isinstance(value[1], str | list)


def _read_answer(value: Any, keys: Keys) -> Exchange:
    if isinstance(value, str):
        return Exchange(
            value, TextShape(), value, untouched=None if value.strip() else "empty_draft"
        )
    message = value if isinstance(value, BaseMessage) else _message(value)
    if role_of(message) != "ai":
        raise ShapeError(
            f"The last message is a {type(message).__name__}, not an answer of a model. {_ALLOWED}"
        )
    return Exchange(
        text_of(message.content),
        MessageShape(message, keys.level) if isinstance(value, BaseMessage) else RawShape(value),
        message,
        untouched=untouched(message),
    )


def _read_messages(items: list[Any], keys: Keys) -> Exchange:
    readable = all(isinstance(item, BaseMessage) or _is_raw_message(item) for item in items)
    if not items or not readable:
        raise ShapeError(f"Not a list of messages: {items!r:.200}. {_ALLOWED}")
    if isinstance(items[-1], ToolMessage):  # where an agent ends with a structured response
        shape = ListShape(MessageShape(items[-1], keys.level), items[:-1])
        return Exchange(items[-1].text, shape, items[-1], untouched="tool_calls")
    answer = _read_answer(items[-1], keys)
    before = read_question(items[:-1]) or None  # an answer alone has its question found
    return replace(answer, shape=ListShape(answer.shape, items[:-1]), question=before)


def _message(value: Any) -> BaseMessage:
    message: BaseMessage = read_question([value])[0]  # type: ignore[assignment]
    return message


def _read_pair(value: Mapping[str, Any], keys: Keys) -> tuple[str, Exchange]:
    key = _key(value, keys.answer, ANSWER_KEYS)
    if key is None:
        wanted = repr(keys.answer) if keys.answer else ", ".join(map(repr, ANSWER_KEYS))
        raise ShapeError(
            f"The dict has no answer. Its keys are {', '.join(map(repr, value)) or 'none'}; "
            f"the answer is looked for under {wanted}. Name yours with answer_key=."
        )
    if not isinstance(value[key], str | BaseMessage) and not _is_raw_message(value[key]):
        raise ShapeError(
            f"The answer under {key!r} is a {type(value[key]).__name__}: {value[key]!r:.200}. "
            "It must be a string or an AIMessage."
        )
    answer = _read_answer(value[key], keys)
    asked = _key(value, keys.question, QUESTION_KEYS)
    if asked is None and keys.question is not None:
        raise ShapeError(
            f"The dict has no {keys.question!r}, named by question_key=; "
            f"its keys are {', '.join(map(repr, value))}."
        )
    question = None if asked is None else read_question(value[asked])
    if question is not None and keys.history:
        question = _after(_history(value.get(keys.history)), question)
    context = _texts(value.get(keys.context)) if keys.context else ()
    return key, replace(answer, question=question, context=context)


def _key(value: Mapping[str, Any], named: str | None, usual: tuple[str, ...]) -> str | None:
    return next((key for key in ((named,) if named else usual) if key in value), None)


def read_question(value: Any) -> Question:
    """A question from a string, a message, messages, or a prompt value.

    Raises:
        ShapeError: if it is none of these.
    """
    if isinstance(value, PromptValue):
        return value.to_messages()
    if isinstance(value, BaseMessage):
        return [value]
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return messages_in(value)
    raise ShapeError(
        f"The question is a {type(value).__name__}: {value!r:.200}. "
        "Give a string, messages, or a prompt value."
    )


def _history(value: Any) -> list[BaseMessage]:
    """The turns before a question; anything else than messages is not ours."""
    if not isinstance(value, list | tuple):
        return []
    if not all(isinstance(item, BaseMessage) or _is_raw_message(item) for item in value):
        return []
    return list(read_question(list(value)))  # type: ignore[arg-type]


def _after(history: list[BaseMessage], question: Question) -> Question:
    """The question with the turns before it, unless it has them already."""
    asked = [HumanMessage(question)] if isinstance(question, str) else list(question)
    blank = not any(text_of(message.content).strip() for message in asked)
    if not history or blank or len(asked) > len(history):
        return question
    if role_of(history[-1]) == "human" and text_of(history[-1].content) == text_of(
        asked[0].content
    ):
        history = history[:-1]
    return [*history, *asked]


def _texts(context: Any) -> tuple[str, ...]:
    """Retrieved texts: a string, a document, or a list of either; anything else is not ours."""
    if isinstance(context, str | Document):
        context = [context]
    if not isinstance(context, Sequence):
        return ()
    texts = (one.page_content if isinstance(one, Document) else one for one in context)
    return tuple(text for text in texts if isinstance(text, str) and text.strip())
