"""What makes an edit acceptable.

Every check looks at a finished edit and gives the reason for refusing it, or None. An edit that no
check refuses stands.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.templates import EditTemplate

Check = Callable[..., Any]
"""A check of your own, sync or async: gives the reason for refusing an edit, or None.

It takes the draft and the edit, and may take the question and the retrieved texts as well:
parameters called ``draft``, ``edit``, ``question`` or ``context`` get these, and others that it
needs get what is left, in this order.
"""

Preserved = Literal["code", "urls", "numbers", "citations"]


@dataclass(frozen=True)
class Refusal:
    """Why an edit does not stand: one word for programs, a sentence for readers."""

    reason: str
    detail: str


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


FACTS = ("draft", "edit", "question", "context")
"""What a check may take, in the order in which parameters of other names get it."""


@dataclass(frozen=True)
class BoundCheck:
    """A check with what it takes, found out once.

    Attributes:
        function: the check.
        facts: the names of what it takes, in the order of its parameters.
    """

    function: Check
    facts: tuple[str, ...]

    @staticmethod
    def of(function: Check) -> BoundCheck:
        """The check, by its signature.

        Raises:
            SettingError: if it needs more than there is.
        """
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some builtins have no signature
            return BoundCheck(function, FACTS[:2])
        plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, _EITHER)]
        if any(one.kind is one.VAR_POSITIONAL for one in parameters):
            return BoundCheck(function, FACTS[:2])
        wanted = [one for one in plain if one.name in FACTS or one.default is one.empty]
        taken = {one.name for one in wanted}
        left = iter([name for name in FACTS if name not in taken])
        facts = [one.name if one.name in FACTS else next(left, None) for one in wanted]
        keyword = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
        missing = [one.name for one in keyword if one.default is one.empty]
        if None in facts or missing or plain[: len(wanted)] != wanted:
            raise SettingError(
                f"The check {_name(function)} takes {inspect.signature(function)}. A check takes "
                f"the draft and the edit first, and may take more of: {', '.join(FACTS)}."
            )
        return BoundCheck(function, tuple(name for name in facts if name))

    @property
    def name(self) -> str:
        """What records call the check."""
        return _name(self.function)

    def fill(self, facts: Mapping[str, Any]) -> list[Any]:
        """The arguments for one edit."""
        return [facts[name] for name in self.facts]


_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _name(function: Check) -> str:
    return str(getattr(function, "__name__", function))


def said_by(check: BoundCheck, said: Any) -> str | None:
    """The reason that a check gave, or None where it has nothing to say.

    Raises:
        TypeError: if it gave anything else, such as True.
    """
    if said is None or (isinstance(said, str) and said.strip()):
        return said
    raise TypeError(
        f"The check {check.name} gave {said!r:.200}. A check gives None, or the reason for "
        "refusing the edit as a text that is not empty."
    )


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
    for kind in preserve:
        missing = lost(kind, draft, edit)
        if missing:
            return Refusal("preserve", f"The edit lost {kind}: {', '.join(missing[:5])}.")
    return None
