"""A model call, a run, and what is read from the values that pass between steps."""

from __future__ import annotations

import re
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue

from langchain_metaaligner.edit.messages import messages_in
from langchain_metaaligner.errors import ShapeError

CALLS_PER_RUN = 256
"""Ended model calls that a run remembers."""

Prompt = Sequence[BaseMessage]


@dataclass(eq=False, slots=True)
class Call:
    """A reply and what led to it.

    Attributes:
        prompt: what the model was asked; None where that was not to be heard.
        text: what it replied.
        message: the reply as a message, where the model is a chat model.
        message_id: the id of that.
        step: the place in a sequence from which the reply came.
        answered: whether an aligner has found its question by this call.
    """

    prompt: Prompt | None
    text: str
    message: weakref.ref[BaseMessage] | None = None
    message_id: str | None = None
    step: int | None = None
    answered: bool = False


class Run:
    """A chain or model run that has not ended yet.

    Attributes:
        parent: the run around it, if that was seen.
        root: the outermost run around it that had not ended when it began.
        step: its place in the parent, if that is a sequence.
        is_node: whether it is a node of a LangGraph graph.
        input: what it was started with; in a stream that is known only at its end.
        prompt: of a model run, its input; of an aligner's run, the prompt that was found.
        calls: the replies from runs below it that have ended.
        steps: of a sequence, what each ended step took and gave; None in the place of a value that
            no prompt or answer can be read from.
        last: the place of the step that ended last, and what it gave.
        open: of a root, the runs below it that have not ended.
    """

    __slots__ = (
        "calls",
        "ended",
        "input",
        "is_node",
        "last",
        "open",
        "parent",
        "prompt",
        "root",
        "step",
        "steps",
    )

    def __init__(self, parent: Run | None, step: int | None) -> None:
        self.ended = False
        self.parent = parent
        self.root: Run = self if parent is None or parent.root.ended else parent.root
        self.step = step
        self.is_node = False
        self.input: Any = None
        self.prompt: Prompt | None = None
        self.calls: deque[Call] = deque(maxlen=CALLS_PER_RUN)
        self.steps: dict[int, tuple[Any, Any]] = {}
        self.last: tuple[int, Any] = (0, None)
        self.open: set[UUID] = set()


def sequence_step(tags: Sequence[str]) -> int | None:
    """The place of a run in its sequence, which LangChain tells by a tag."""
    return next((int(tag[9:]) for tag in tags if tag.startswith("seq:step:")), None)


def step_input(sequence: Run, step: int) -> Any:
    """What a step of a sequence was given; None where that is not known."""
    return sequence.input if step == 1 else sequence.steps.get(step - 1, (None, None))[1]


def as_prompt(value: Any) -> Prompt | None:
    """What a text model is asked by a value, if it is one that models take: its text."""
    if isinstance(value, str):
        return (HumanMessage(value),)
    if isinstance(value, list | tuple) and value:
        try:
            value = ChatPromptValue(messages=messages_in(value))
        except ShapeError:
            return None  # a list of other things
    return (HumanMessage(value.to_string()),) if isinstance(value, PromptValue) else None


def readable(value: Any) -> Any:
    """A value that prompts and answers are read from; others are not held on to."""
    return value if isinstance(value, str | BaseMessage | PromptValue | list | tuple) else None


def traced_runs() -> Iterator[UUID]:
    """The runs around this code by LangSmith's count, innermost first.

    It alone knows what lies around a ``@traceable`` function, of which no handler hears.
    """
    from langsmith.run_helpers import get_current_run_tree

    tree = get_current_run_tree()
    order = tree.dotted_order if tree else ""
    yield from map(UUID, reversed(re.findall(r"[0-9a-f-]{36}(?=\.|$)", order)))


def in_arguments(message: BaseMessage) -> str:
    """The texts in the arguments of a message's tool calls: where a structured answer stands."""
    calls = getattr(message, "tool_calls", None) or ()
    return "\n".join(text for call in calls for text in _strings(call.get("args")))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
