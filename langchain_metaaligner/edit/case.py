"""One edit with all that is known around it, and what a check may say of it.

A check is the user's code. It takes what its parameters ask for, sync or async, and says nothing
(the edit stands), why not, or what should stand instead.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.limit import TimeLimitError
from langchain_metaaligner.edit.loop import Caller
from langchain_metaaligner.edit.unseen import runs_unseen
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import Objective


@dataclass(frozen=True)
class Case:
    """An edit, and what led to it.

    Attributes:
        question: the question, without the texts that were retrieved for it.
        context: the retrieved texts.
        draft: the answer as the upstream model gave it.
        edit: the answer as it is to stand; where another check corrected it, that text.
        objectives: what the edit was to improve, those of the request where it brought its own.
        config: the config of the call, for models that a check calls itself: their runs then stand
            below the aligner's in a trace. Streams of messages do not show them.

    >>> Case(draft="Look it up.", edit="It scatters blue light most.").question
    ''
    """

    draft: str
    edit: str
    question: str = ""
    context: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    config: RunnableConfig = field(default_factory=RunnableConfig)


@dataclass(frozen=True)
class Refusal:
    """Why an edit does not stand: one word for programs, a sentence for readers."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Correction:
    """The text that a check puts in the place of an edit.

    Raises:
        TypeError: if it is no text, or blank.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise TypeError(f"A correction is {self.text!r:.200}. Give a text that is not blank.")


Judgement = str | Refusal | Correction | None
"""What a check may say: nothing, the reason for refusing, or the text that should stand instead."""

Check = Callable[..., Judgement | Awaitable[Judgement]]
"""A check of your own, sync or async.

It takes the draft and the edit, and may take more: parameters called ``draft``, ``edit``,
``question``, ``context``, ``objectives`` or ``config`` get these, one called ``case`` or annotated
with `Case` gets all of it, and others that it needs get what is left of the first four, in this
order. It gives None, the reason for refusing as a text or as a `Refusal`, or a `Correction`.
"""

FACTS = ("draft", "edit", "question", "context")
"""What a check may take, in the order in which parameters of other names get it."""

BY_NAME = (*FACTS, "objectives", "config", "case")
"""What a check may take by the name of a parameter."""


@dataclass(frozen=True)
class BoundCheck:
    """A check with what it takes, found out once.

    Attributes:
        function: the check.
        facts: the names of what it takes, in the order of its parameters.
        keywords: the names of what it takes by keyword alone.
    """

    function: Check
    facts: tuple[str, ...]
    keywords: tuple[str, ...] = ()

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
        if any(one.kind is one.VAR_POSITIONAL for one in parameters):
            return BoundCheck(function, FACTS[:2])
        plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, _EITHER)]
        wanted = [one for one in plain if _fact(one) or one.default is one.empty]
        taken = {_fact(one) for one in wanted}
        left = iter([name for name in FACTS if name not in taken])
        facts = [_fact(one) or next(left, None) for one in wanted]
        keyword = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
        missing = [one.name for one in keyword if not _fact(one) and one.default is one.empty]
        if None in facts or missing or plain[: len(wanted)] != wanted:
            raise SettingError(
                f"The check {_name(function)} takes {inspect.signature(function)}. A check takes "
                "the draft and the edit first, and may take more by the names of its parameters: "
                f"{', '.join(BY_NAME)}."
            )
        keywords = tuple(one.name for one in keyword if _fact(one))
        return BoundCheck(function, tuple(name for name in facts if name), keywords)

    @property
    def name(self) -> str:
        """What records call the check."""
        return _name(self.function)

    def fill(self, facts: Mapping[str, Any]) -> list[Any]:
        """The arguments for one edit."""
        return [facts[name] for name in self.facts]

    async def judge(self, case: Case, caller: Caller, limit: float | None) -> Judgement:
        """What the check says of one edit, which no stream of messages shows.

        Args:
            case: the edit.
            caller: how functions of the user are called.
            limit: after how many seconds the edit is refused instead; None waits for ever.

        Raises:
            Exception: whatever the check raises.
            TypeError: if it says what no check may say.
        """
        facts = {**{name: getattr(case, name) for name in BY_NAME[:-1]}, "case": case}
        keywords = {name: facts[name] for name in self.keywords}
        bound = functools.partial(self.function, *self.fill(facts), **keywords)
        with runs_unseen():
            try:
                return judgement_of(self, await caller.call(bound, seconds=limit))
            except TimeLimitError:
                return Refusal("timeout", f"The check {self.name} took over {limit:g} seconds.")


_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _fact(parameter: inspect.Parameter) -> str | None:
    """What a parameter gets, by its name or its annotation; None for one of another name."""
    annotation = parameter.annotation
    written = annotation.rpartition(".")[2] if isinstance(annotation, str) else None
    if annotation is Case or written == Case.__name__:
        return "case"
    return parameter.name if parameter.name in BY_NAME else None


def _name(function: Check) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def judgement_of(check: BoundCheck, answer: Any) -> Judgement:
    """What a check has given, looked through: checks are other people's code.

    Raises:
        TypeError: if it gave anything else, such as True.
    """
    if isinstance(answer, str) and answer.strip():
        return Refusal(answer, f"Refused by the check {check.name}.")
    if answer is None or isinstance(answer, Refusal | Correction):
        return answer
    raise TypeError(
        f"The check {check.name} gave {answer!r:.200}. A check gives None, or the reason for "
        "refusing the edit as a text that is not empty, or Correction(text)."
    )
