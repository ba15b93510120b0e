"""What makes an edit acceptable.

Every check looks at a finished edit and gives the reason for refusing it, or None. An edit that no
check refuses stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from langchain_metaaligner.edit.case import BoundCheck, Case, Check, Correction, Refusal
from langchain_metaaligner.templates import EditTemplate

__all__ = [
    "BoundCheck",
    "Case",
    "Check",
    "Correction",
    "Preserved",
    "Refusal",
    "loops",
    "lost",
    "refuse",
    "refuse_lost",
]

Preserved = Literal["code", "urls", "numbers", "citations"]


_PRESERVED: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "code": re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL),
        "urls": re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]}]*[^\s<>\"')\]}.,;:!?]"),
        "numbers": re.compile(r"\d+(?:[.,:/]\d+)*"),
        "citations": re.compile(
            r"\[\^?\d+(?:\s*[,;–-]\s*\d+)*\]|\(\w[\w .&,'’-]*?,? \d{4}[a-z]?\)|【[^】]+】"
        ),
    }
)


def lost(kind: Preserved, draft: str, edit: str) -> list[str]:
    """What of one kind the draft has and the edit has less often.

    >>> lost("numbers", "Take 2 pills at 10:30.", "Take pills at 10:30.")
    ['2']
    """
    pattern = _PRESERVED[kind]
    kept = pattern.findall(edit)
    missing = []
    for item in pattern.findall(draft):
        if item in kept:
            kept.remove(item)
        else:
            missing.append(item)
    return missing


def loops(text: str, *, times: int = 4, least: int = 48) -> bool:
    """Whether a text ends in one piece said over and over.

    Args:
        text: what a model wrote.
        times: how often the last piece must stand in a row.
        least: how many characters the repeated pieces must cover together.

    >>> loops("Of course. " + "I am sorry. " * 12)
    True
    >>> loops("ha ha ha ha")
    False
    """
    tail = text.rstrip()[-2000:]
    for period in range(1, len(tail) // times + 1):
        covered = max(times * period, least)
        if covered <= len(tail) and tail[-covered:-period] == tail[-covered + period :]:
            return bool(tail[-period:].strip())
    return False


def refuse(
    draft: str,
    edit: str,
    *,
    raw: str,
    template: EditTemplate,
    finish_reason: str | None,
    preserve: Sequence[Preserved] = (),
) -> Refusal | None:
    """The first reason why an edit cannot stand by itself, or None.

    Args:
        draft: the original answer.
        edit: the model's edit, cleaned.
        raw: the model's output while the user's text in it was still disarmed: template pieces in
            it were written by the model and not by the user.
        template: the edit template in use.
        finish_reason: "length" where the model was cut off; None where it does not tell.
        preserve: what of the draft must survive.
    """
    if not edit.strip():
        return Refusal("empty", "The model wrote nothing.")
    if loops(edit) and not loops(draft):
        return Refusal("looping", f"The edit ends in a loop: …{edit.rstrip()[-40:]!r}.")
    if finish_reason == "length":
        return Refusal("truncated", "The model reached its limit of tokens before it ended.")
    if template.leaks(raw):
        return Refusal("template_leak", "The edit carries pieces of the edit prompt.")
    return refuse_lost(draft, edit, preserve)


def refuse_lost(draft: str, edit: str, preserve: Sequence[Preserved]) -> Refusal | None:
    """The refusal of an edit that lost what must survive, or None.

    >>> refuse_lost("Take 2.", "Take some.", ["numbers"]).detail
    'The edit lost numbers: 2.'
    """
    for kind in preserve:
        missing = lost(kind, draft, edit)
        if missing:
            return Refusal("preserve", f"The edit lost {kind}: {', '.join(missing[:5])}.")
    return None
