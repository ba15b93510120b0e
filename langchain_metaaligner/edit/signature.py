"""The options as a caller may write them, for type checkers and editors.

What a caller may write is wider than what a field holds (names for objectives, lists for tuples),
and a checker without pydantic's plugin knows the fields alone. So both faces name their options
here, once; `tests/integration/test_typed.py` keeps this list and the fields together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeVar

from langchain_core.runnables import Runnable
from typing_extensions import Required, TypedDict

from langchain_metaaligner.edit.checks import Check, Preserved
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.need import Need
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.templates import EditTemplate

T_co = TypeVar("T_co", covariant=True)


class Items(Protocol[T_co]):
    """A list or a tuple, and no string, whose ``in`` takes nothing but strings."""

    def __contains__(self, value: object, /) -> bool:
        """Whether a value is among the items."""

    def __iter__(self) -> Iterator[T_co]:
        """The items."""

    def __getitem__(self, at: SupportsIndex, /) -> T_co:
        """The item at a place."""

    def __len__(self) -> int:
        """How many there are."""


Objectives = Items[str | Objective] | Mapping[str, str]
"""Objectives by name, as ``"Name: description"``, or as `Objective`."""

TemplateName = Literal["auto", "HH-RLHF", "UltraFeedback", "IMHI"]
"""The templates by name; "auto" goes by the checkpoint."""


class AlignerOptions(TypedDict, total=False):
    """The options that `MetaAlignerRunnable` and `MetaAlignerMiddleware` share."""

    objectives: Required[Objectives]
    request_objectives: Literal["named", "any", "none"] | Objectives
    model: str
    llm: Runnable[Any, Any] | None
    model_kwargs: Mapping[str, Any]
    caution: float | None
    template: TemplateName | EditTemplate
    on_failure: Literal["original", "raise", "refuse"]
    refusal: str | Callable[[Alignment], str] | Callable[[Alignment], Awaitable[str]] | None
    on_missing_question: Literal["original", "raise"]
    fields: Items[str]
    preserve: Sequence[Preserved]
    checks: Sequence[Check]
    check_timeout: float | None
    gate: RewardGate | None
    candidates: int
    when: Need | None
    retries: int
    retry_by: Literal["sampling", "order"] | None
    timeout: float | None
    max_waiting: int | None
    streaming: Literal["checked", "live"]
    record: Literal["full", "slim", "none"]
    record_key: str | None
    question_key: str | None
    answer_key: str | None
    context_key: str | None
    history_key: str | None


class RunnableOptions(AlignerOptions, total=False):
    """The options of `MetaAlignerRunnable`."""

    name: str | None


class MiddlewareOptions(AlignerOptions, total=False):
    """The options of `MetaAlignerMiddleware`."""

    name: str
