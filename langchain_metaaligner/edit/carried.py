"""A structured answer in the messages that carry it: as JSON, as a tool's arguments, as Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_metaaligner.edit.paths import names_in


def changed_texts(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """The texts that differ between two values of one structure, old and new."""
    if isinstance(before, str) and isinstance(after, str):
        if before != after:
            yield before, after
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for old, new in zip(before, after, strict=False):
            yield from changed_texts(old, new)
    else:
        for name in names_in(before):
            if name in names_in(after):
                yield from changed_texts(_of(before, name), _of(after, name))


def _of(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def with_replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """A value with other texts, where they are whole strings or stand quoted in one.

    >>> with_replaced({"args": {"tip": "Cold, fool."}}, {"Cold, fool.": "Cold."})
    {'args': {'tip': 'Cold.'}}
    >>> with_replaced("Tip(tip='Cold, fool.')", {"Cold, fool.": "Cold."})
    "Tip(tip='Cold.')"
    """
    if isinstance(value, Mapping):
        return {key: with_replaced(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [with_replaced(item, texts) for item in value]
    if not isinstance(value, str) or value in texts:
        return texts.get(value, value) if isinstance(value, str) else value
    for old, new in texts.items():
        for quoted in (json.dumps, _as_unicode, repr):
            value = value.replace(quoted(old), quoted(new))
    return value


def _as_unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
