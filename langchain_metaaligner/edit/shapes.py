"""How an answer goes back into the value that it came from, whole or as a stream."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    message_chunk_to_message,
)
from langchain_core.runnables.utils import AddableDict
from pydantic import BaseModel

from langchain_metaaligner.edit.content import in_block, split, untouched, with_text, without_old
from langchain_metaaligner.edit.record import Alignment, Level


class Shape(Protocol):
    """How an answer goes back into the value that it came from.

    The chunks of a stream are those of ``opening``, of a ``piece`` for each piece of the text, and
    of ``closing``; where no piece was shown, ``closing`` gives the whole answer.
    """

    def write(self, alignment: Alignment) -> Any:
        """The whole value with the final answer in it."""

    def divides(self, alignment: Alignment) -> bool:
        """Whether this answer can be shown in pieces that add up to what ``write`` gives."""

    def opening(self) -> Iterator[Any]:
        """Stream chunks that come before the answer."""

    def piece(self, text: str, first: bool) -> Iterator[Any]:
        """Stream chunks for a piece of the answer."""

    def closing(self, alignment: Alignment, shown: bool) -> Iterator[Any]:
        """Stream chunks that come after the answer, the record among them."""


@dataclass(frozen=True)
class TextShape:
    """A string."""

    def write(self, alignment: Alignment) -> str:
        """The text."""
        return alignment.text

    def divides(self, alignment: Alignment) -> bool:
        """Always."""
        return True

    def opening(self) -> Iterator[Any]:
        """Nothing."""
        yield from ()

    def piece(self, text: str, first: bool) -> Iterator[str]:
        """The piece."""
        yield text

    def closing(self, alignment: Alignment, shown: bool) -> Iterator[Any]:
        """The text where none was shown."""
        if not shown:
            yield alignment.text


@dataclass(frozen=True)
class MessageShape:
    """A message of a model, with its content in one string or in blocks.

    Attributes:
        message: the draft.
        level: how much of the record it carries.
    """

    message: BaseMessage
    level: Level = "full"

    def write(self, alignment: Alignment) -> BaseMessage:
        """The message with the final text and the record, and all else as it was."""
        # copied, never built anew: a message from a cache carries fields that do not validate
        message = self.message
        if isinstance(message, BaseMessageChunk):
            message = message_chunk_to_message(message)
        return message.model_copy(update=self._update(alignment))

    def divides(self, alignment: Alignment) -> bool:
        """Where the text is one string, or stands in a block that chunks can be added to."""
        content = self.message.content
        if isinstance(content, str):
            return untouched(self.message) != "tool_calls"
        if alignment.decision != "edited":
            return False
        _, block, after = split(content)
        return not after if isinstance(block, str) else "index" in block

    def opening(self) -> Iterator[Any]:
        """Nothing."""
        yield from ()

    def piece(self, text: str, first: bool) -> Iterator[BaseMessageChunk]:
        """The piece in a block like that of the old text, after the blocks that stood before it."""
        content: Any = self.message.content
        if isinstance(content, str):
            yield self._chunk(text)
            return
        before, block, _ = split(content)
        if isinstance(block, dict):
            index = {"index": block.get("index", len(before))}
            opened: Any = {**in_block(block, text), **index}  # type: ignore[dict-item]
            yield self._chunk(
                [*before, opened] if first else [{"type": "text", "text": text, **index}]
            )
        else:
            yield self._chunk([*before, text] if first else text)

    def closing(self, alignment: Alignment, shown: bool) -> Iterator[BaseMessageChunk]:
        """What the message carries beside its text, and the text where none was shown."""
        update = self._update(alignment)
        content: Any = update.get("content", self.message.content)
        if shown:
            content = "" if isinstance(content, str) else split(content).after or ""
        usage = getattr(self.message, "usage_metadata", None)
        facts = {
            "additional_kwargs": update["additional_kwargs"],
            "response_metadata": update["response_metadata"],
        }
        if usage and "input_tokens" in usage:
            facts["usage_metadata"] = usage
        for calls in ("tool_call_chunks", "tool_calls", "invalid_tool_calls"):
            if value := getattr(self.message, calls, None):
                facts[calls] = value
        yield self._chunk(content, **facts)

    def _chunk(self, content: Any, **facts: Any) -> BaseMessageChunk:
        facts = {"id": self.message.id, "name": self.message.name, **facts}
        if isinstance(self.message, ChatMessage):
            return ChatMessageChunk(content=content, role=self.message.role, **facts)
        return AIMessageChunk(content=content, **facts)

    def _update(self, alignment: Alignment) -> dict[str, Any]:
        about_edit = alignment.at(self.level)
        record = {} if about_edit is None else {"metaaligner": about_edit}
        about, extra = self.message.response_metadata, self.message.additional_kwargs
        if alignment.decision == "refused":  # nothing that a model has made goes out
            return {
                "content": alignment.text,
                "response_metadata": {**without_old(about), **record},
                "additional_kwargs": {},
            }
        if alignment.decision != "edited":
            return {"response_metadata": {**about, **record}, "additional_kwargs": extra}
        return {
            "content": with_text(self.message.content, alignment.text),
            "response_metadata": {**without_old(about), **record},
            "additional_kwargs": without_old(extra),
        }


class WholeShape(ABC):
    """A value that no chunks add up to, and which is therefore streamed whole."""

    @abstractmethod
    def write(self, alignment: Alignment) -> Any:
        """The whole value with the final answer in it."""

    def divides(self, alignment: Alignment) -> bool:
        """Never."""
        return False

    def opening(self) -> Iterator[Any]:
        """Nothing."""
        yield from ()

    def piece(self, text: str, first: bool) -> Iterator[Any]:
        """Nothing."""
        yield from ()

    def closing(self, alignment: Alignment, shown: bool) -> Iterator[Any]:
        """The whole value."""
        yield self.write(alignment)


@dataclass(frozen=True)
class RawShape(WholeShape):
    """A message written as a dict (``{"role": "assistant", ...}``) or as ``("ai", text)``."""

    value: Mapping[str, Any] | tuple[Any, ...] | list[Any]

    def write(self, alignment: Alignment) -> Any:
        """The message in the same form. It has no place for a record."""
        if alignment.decision not in ("edited", "refused"):
            return self.value
        refused, value = alignment.decision == "refused", self.value
        old = value["content"] if isinstance(value, Mapping) else value[1]
        content = alignment.text if refused else with_text(old, alignment.text)
        if not isinstance(value, Mapping):
            return type(value)([value[0], content])
        if refused:  # nothing that a model has made goes out
            value = {key: value[key] for key in ("role", "type", "name") if key in value}
        return {**value, "content": content}


@dataclass(frozen=True)
class ListShape(WholeShape):
    """A list of messages that ends in the answer."""

    answer: Shape
    before: list[Any]

    def write(self, alignment: Alignment) -> list[Any]:
        """The list with the final answer at its end."""
        return [*self.before, self.answer.write(alignment)]


@dataclass(frozen=True)
class ObjectShape(WholeShape):
    """A pydantic object or a dataclass that holds the answer."""

    answer: Shape
    value: Any
    key: str

    def write(self, alignment: Alignment) -> Any:
        """A copy of the object with the final answer in it."""
        answer = self.answer.write(alignment)
        if isinstance(self.value, BaseModel):
            return self.value.model_copy(update={self.key: answer})
        twin = copy.copy(self.value)
        object.__setattr__(twin, self.key, answer)  # frozen dataclasses too
        return twin


@dataclass(frozen=True)
class DictShape:
    """A dict that holds the answer.

    Attributes:
        answer: how the answer is written.
        value: the dict.
        key: where the answer is in it.
        record_key: where the record goes; None for nowhere.
        level: how much of the record.
    """

    answer: Shape
    value: Mapping[str, Any]
    key: str
    record_key: str | None = None
    level: Level = "full"

    def write(self, alignment: Alignment) -> dict[str, Any]:
        """The dict with the final answer in it, and all else as it was."""
        answer = {self.key: self.answer.write(alignment)}
        return {**self.value, **answer, **self._record(alignment)}

    def divides(self, alignment: Alignment) -> bool:
        """Where the answer can be divided."""
        return self.answer.divides(alignment)

    def opening(self) -> Iterator[AddableDict]:
        """The other keys."""
        ours = (self.key, self.record_key)
        others = {name: item for name, item in self.value.items() if name not in ours}
        if others:
            yield AddableDict(others)
        yield from self._keyed(self.answer.opening())

    def piece(self, text: str, first: bool) -> Iterator[AddableDict]:
        """The piece under its key."""
        yield from self._keyed(self.answer.piece(text, first))

    def closing(self, alignment: Alignment, shown: bool) -> Iterator[AddableDict]:
        """The end of the answer under its key, and the record."""
        yield from self._keyed(self.answer.closing(alignment, shown))
        if record := self._record(alignment):
            yield AddableDict(record)

    def _record(self, alignment: Alignment) -> dict[str, Any]:
        return {self.record_key: alignment.at(self.level)} if self.record_key else {}

    def _keyed(self, chunks: Iterator[Any]) -> Iterator[AddableDict]:
        return (AddableDict({self.key: chunk}) for chunk in chunks)
