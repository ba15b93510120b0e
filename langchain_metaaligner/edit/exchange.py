"""Reads (question, answer) out of any LangChain value; writes the edit back in the same shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    convert_to_messages,
    message_chunk_to_message,
)
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables.utils import AddableDict

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import ShapeError

QUESTION_KEYS = ("question", "input", "query", "prompt")
ANSWER_KEYS = ("answer", "response", "output", "result")

Question = str | Sequence[BaseMessage]


class Shape(Protocol):
    """How an answer goes back into the value that it came from."""

    def write(self, alignment: Alignment) -> Any:
        """The whole value with the final answer in it."""

    def opening(self) -> Iterator[Any]:
        """Stream chunks that come before the answer."""

    def piece(self, text: str) -> Iterator[Any]:
        """Stream chunks for a piece of the answer."""

    def closing(self, alignment: Alignment) -> Iterator[Any]:
        """Stream chunks that come after the answer, the record among them."""


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


def read(
    value: Any,
    question_key: str | None = None,
    answer_key: str | None = None,
    context_key: str | None = "context",
) -> Exchange:
    """The exchange in a value from the chain.

    Args:
        value: a string, an AI message, a list of messages, ``{"messages": [...]}``, or a dict
            with a question and an answer.
        question_key: the key of the question, where it is none of `QUESTION_KEYS`.
        answer_key: the key of the answer, where it is none of `ANSWER_KEYS`.
        context_key: the key of the retrieved context; None leaves it out.

    Raises:
        ShapeError: if no answer can be read.
    """
    if isinstance(value, str | BaseMessage):
        return _read_answer(value)
    if isinstance(value, list | tuple) and value:
        return _read_messages(list(value))
    if isinstance(value, Mapping):
        if answer_key is not None or not isinstance(value.get("messages"), list):
            return _read_pair(value, question_key, answer_key, context_key)
        inside = _read_messages(value["messages"])
        return replace(inside, shape=_InDict(inside.shape, value, "messages"))
    raise ShapeError(
        f"No answer can be read from a {type(value).__name__}: {value!r:.200}. {_ALLOWED}"
    )


_ALLOWED = (
    "Give a string or AIMessage from a model, a list of messages that ends with an AIMessage, "
    '{"messages": [...]}, or {"question": ..., "answer": ...}.'
)


def _read_answer(value: str | BaseMessage) -> Exchange:
    if isinstance(value, str):
        return Exchange(value, _Text(), value, untouched=None if value.strip() else "empty_draft")
    if not isinstance(value, AIMessage):
        raise ShapeError(
            f"The last message is a {type(value).__name__}, not an answer of a model. {_ALLOWED}"
        )
    return Exchange(value.text, _Message(value), value, untouched=_untouched(value))


def _untouched(message: AIMessage) -> str | None:
    if message.tool_calls or message.invalid_tool_calls:
        return "tool_calls"
    if not isinstance(message.content, str) and not _is_one_text(message.content):
        return "not_one_text" if message.content else "empty_draft"
    return None if message.text.strip() else "empty_draft"


def _is_one_text(content: list[Any]) -> bool:
    if len(content) != 1:
        return False
    block = content[0]
    return isinstance(block, str) or (
        isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("text"), str)
    )


def _read_messages(messages: list[Any]) -> Exchange:
    if not messages or not all(isinstance(message, BaseMessage) for message in messages):
        raise ShapeError(f"Not a list of messages: {messages!r:.200}. {_ALLOWED}")
    answer = _read_answer(messages[-1])
    return replace(answer, shape=_InList(answer.shape, messages[:-1]), question=messages[:-1])


def _read_pair(
    value: Mapping[str, Any],
    question_key: str | None,
    answer_key: str | None,
    context_key: str | None,
) -> Exchange:
    key = _key(value, answer_key, ANSWER_KEYS)
    if key is None:
        wanted = repr(answer_key) if answer_key else ", ".join(map(repr, ANSWER_KEYS))
        raise ShapeError(
            f"The dict has no answer. Its keys are {', '.join(map(repr, value)) or 'none'}; "
            f"the answer is looked for under {wanted}. Name yours with answer_key=."
        )
    if not isinstance(value[key], str | AIMessage):
        raise ShapeError(
            f"The answer under {key!r} is a {type(value[key]).__name__}: {value[key]!r:.200}. "
            "It must be a string or an AIMessage."
        )
    answer = _read_answer(value[key])
    asked = _key(value, question_key, QUESTION_KEYS)
    if asked is None and question_key is not None:
        raise ShapeError(
            f"The dict has no {question_key!r}, named by question_key=; "
            f"its keys are {', '.join(map(repr, value))}."
        )
    return replace(
        answer,
        shape=_InDict(answer.shape, value, key),
        question=None if asked is None else read_question(value[asked]),
        context=_texts(value.get(context_key)) if context_key else (),
    )


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
        try:
            return convert_to_messages(value)
        except (ValueError, NotImplementedError) as error:
            raise ShapeError(f"The question cannot be read as messages: {error}") from error
    raise ShapeError(
        f"The question is a {type(value).__name__}: {value!r:.200}. "
        "Give a string, messages, or a prompt value."
    )


def _texts(context: Any) -> tuple[str, ...]:
    """Retrieved texts: a string, a document, or a list of either; anything else is not ours."""
    if isinstance(context, str | Document):
        context = [context]
    if not isinstance(context, Sequence):
        return ()
    texts = (one.page_content if isinstance(one, Document) else one for one in context)
    return tuple(text for text in texts if isinstance(text, str) and text.strip())


@dataclass(frozen=True)
class _Text:
    def write(self, alignment: Alignment) -> str:
        return alignment.text

    def opening(self) -> Iterator[Any]:
        yield from ()

    def piece(self, text: str) -> Iterator[str]:
        yield text

    def closing(self, alignment: Alignment) -> Iterator[Any]:
        yield from ()


@dataclass(frozen=True)
class _Message:
    message: AIMessage

    def write(self, alignment: Alignment) -> AIMessage:
        # copied, never built anew: a message from a cache carries fields that do not validate
        message = self.message
        if isinstance(message, AIMessageChunk):
            message = message_chunk_to_message(message)  # type: ignore[assignment]
        update: dict[str, Any] = {"response_metadata": self._metadata(alignment)}
        if alignment.decision == "edited":
            update["content"] = self._content(alignment.text)
        return message.model_copy(update=update)

    def _content(self, text: str) -> str | list[Any]:
        if isinstance(self.message.content, str):
            return text
        block = self.message.content[0]
        return [text if isinstance(block, str) else {**block, "text": text}]

    def _metadata(self, alignment: Alignment) -> dict[str, Any]:
        return {**self.message.response_metadata, "metaaligner": alignment.record()}

    def opening(self) -> Iterator[Any]:
        yield from ()

    def piece(self, text: str) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content=text, id=self.message.id, name=self.message.name)

    def closing(self, alignment: Alignment) -> Iterator[AIMessageChunk]:
        usage = self.message.usage_metadata
        yield AIMessageChunk(
            content="",
            id=self.message.id,
            name=self.message.name,
            additional_kwargs=self.message.additional_kwargs,
            response_metadata=self._metadata(alignment),
            usage_metadata=usage if usage and "input_tokens" in usage else None,
        )


@dataclass(frozen=True)
class _InList:
    """Lists have no chunks that add up to them, so they are streamed whole."""

    answer: Shape
    before: list[BaseMessage]

    def write(self, alignment: Alignment) -> list[BaseMessage]:
        return [*self.before, self.answer.write(alignment)]

    def opening(self) -> Iterator[Any]:
        yield from ()

    def piece(self, text: str) -> Iterator[Any]:
        yield from ()

    def closing(self, alignment: Alignment) -> Iterator[Any]:
        yield self.write(alignment)


@dataclass(frozen=True)
class _InDict:
    answer: Shape
    value: Mapping[str, Any]
    key: str

    def write(self, alignment: Alignment) -> dict[str, Any]:
        return {**self.value, self.key: self.answer.write(alignment)}

    def opening(self) -> Iterator[AddableDict]:
        others = {name: item for name, item in self.value.items() if name != self.key}
        if others:
            yield AddableDict(others)
        yield from self._keyed(self.answer.opening())

    def piece(self, text: str) -> Iterator[AddableDict]:
        yield from self._keyed(self.answer.piece(text))

    def closing(self, alignment: Alignment) -> Iterator[AddableDict]:
        yield from self._keyed(self.answer.closing(alignment))

    def _keyed(self, chunks: Iterator[Any]) -> Iterator[AddableDict]:
        return (AddableDict({self.key: chunk}) for chunk in chunks)
