"""The text inside a message's content, which may be a string or a list of blocks.

Models that think, search or cite give their answer in blocks: thinking, calls of the provider's
tools, and one or several texts, all in the format of the provider or in LangChain's own. The text
of all text blocks together is the answer; an edit of it takes the place of the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

Content = str | list[str | dict[str, Any]]

TEXTS = ("text", "output_text")
"""Types of blocks whose ``text`` is part of the answer."""

SILENT = (
    "thinking",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
    "server_tool_use",
    "server_tool_call",
    "server_tool_result",
    "web_search_call",
    "web_search_tool_result",
)
"""Types of blocks that are no answer by themselves."""

OF_THE_OLD_TEXT = frozenset(
    {
        "annotations",
        "citations",
        "citation_metadata",
        "groundingMetadata",
        "grounding_metadata",
        "logprobs",
        "signature",
        "thoughtSignature",
        "thought_signature",
    }
)
"""Keys, beside a text, of what is said about it by position or token: void once it is changed."""


class Split(NamedTuple):
    """Blocks around a text: those before it, the block that holds it, those after it."""

    before: list[Any]
    block: str | dict[str, Any]
    after: list[Any]


def text_of(content: Any) -> str:
    """The text in a content: that of all its text blocks, one after the other."""
    if isinstance(content, str):
        return content
    return "".join(map(_text, content)) if isinstance(content, list) else ""


def _text(block: Any) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text") if isinstance(block, dict) and block.get("type") in TEXTS else None
    return text if isinstance(text, str) else ""


def untouched(message: BaseMessage) -> str | None:
    """Why a message is no answer to edit; None where it is one."""
    if getattr(message, "tool_calls", None) or getattr(message, "invalid_tool_calls", None):
        return "tool_calls"
    content = message.content
    if text_of(content).strip():
        return None
    blocks = content if isinstance(content, list) else []
    shown = [block for block in blocks if isinstance(block, dict) and not _is_silent(block)]
    return "no_text" if shown or message.additional_kwargs.get("audio") else "empty_draft"


def _is_silent(block: dict[str, Any]) -> bool:
    return block.get("type") in (*SILENT, *TEXTS)


def split(content: list[Any]) -> Split:
    """A content around its last text; the other texts are left out."""
    last = max(at for at, block in enumerate(content) if _text(block).strip())
    before, after = content[:last], content[last + 1 :]
    return Split(_without_texts(before), content[last], _without_texts(after))


def _without_texts(blocks: list[Any]) -> list[Any]:
    return [block for block in blocks if isinstance(block, dict) and block.get("type") not in TEXTS]


def with_text(content: Any, text: str) -> Any:
    """The content with another text."""
    if not isinstance(content, list):
        return text
    parts = split(content)
    return [*parts.before, in_block(parts.block, text), *parts.after]


def in_block(block: str | dict[str, Any], text: str) -> str | dict[str, Any]:
    """A text block with another text."""
    if isinstance(block, str):
        return text
    block = without_old(block)
    if isinstance(block.get("extras"), dict):
        block["extras"] = without_old(block["extras"])
    return {**block, "text": text}


def without_old(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without what is said in it about the old text.

    Sources that are named without a place in the text, as plain strings, stay.
    """
    return {
        key: value
        for key, value in mapping.items()
        if key not in OF_THE_OLD_TEXT or (key == "citations" and _are_names(value))
    }


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
