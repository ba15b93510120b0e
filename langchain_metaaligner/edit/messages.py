"""Messages in any form that LangChain takes for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from langchain_metaaligner.errors import ShapeError


def messages_in(values: Sequence[Any]) -> list[BaseMessage]:
    """The messages that some values stand for: messages, dicts, tuples or strings.

    Raises:
        ShapeError: if one of them stands for no message.

    >>> messages = messages_in([("user", "Why?"), {"role": "ai", "content": "So."}])
    >>> [message.type for message in messages]
    ['human', 'ai']
    """
    try:
        return convert_to_messages(values)
    # LangChain refuses most values by the first two, and trips over others: a role that is a list,
    # a tool's message without its call.
    except (ValueError, NotImplementedError, TypeError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]  # the rest is links
        raise ShapeError(
            f"These cannot be read as messages ({reason}): {values!r:.200}. "
            'Give messages, {"role": …, "content": …} or ("user", "…").'
        ) from error
