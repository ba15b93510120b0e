"""The aligners of a playground, by the line that names them."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.errors import ObjectiveError, SettingError, nearest
from langchain_metaaligner.objectives import Objective, distinct_objectives
from langchain_metaaligner.runnable import MetaAlignerRunnable

OPTIONS = ("caution", "template")
"""What may follow a model on its line."""


class Aligners:
    """Aligners that are made at their first use, and then kept.

    Args:
        template: how they are asked, where a line does not say.
        device: where they run; None is the best there is.
        gate: must find their edits better; see `RewardGate`.
    """

    def __init__(
        self, template: str = "auto", device: str | None = None, gate: RewardGate | None = None
    ) -> None:
        self._options = {"template": template, "model_kwargs": {"device": device}, "gate": gate}
        self._made: dict[str, MetaAlignerRunnable] = {}
        self._lock = threading.Lock()

    def named(self, line: str) -> MetaAlignerRunnable:
        """The aligner that a line names: a model, and options of its own behind it.

        Args:
            line: a Hub id, a folder or a bundled aligner, such as ``mini caution=2``.

        Raises:
            CheckpointError: if the model cannot be found.
            SettingError: if an option is unknown or has a value that cannot work.
        """
        with self._lock:
            if line not in self._made:
                model, options = read_line(line)
                self._made[line] = MetaAlignerRunnable(
                    **{**self._options, **options},
                    model=model,
                    objectives=["helpful"],  # every call names its own
                    request_objectives="any",
                )
            return self._made[line]


def read_line(line: str) -> tuple[str, dict[str, Any]]:
    """The model and the options that a line names.

    Raises:
        SettingError: if the line is blank, or an option is unknown.

    >>> read_line("mini caution=2")
    ('mini', {'caution': '2'})
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SettingError(f"The aligner {line!r} cannot be read: {error}.") from error
    if not words:
        raise SettingError("An aligner has no name. Give a Hub id, a folder, or a bundled one.")
    options = {}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals or name not in OPTIONS:
            raise SettingError(
                f"The aligner {line!r} has the option {word!r}.{nearest(name, OPTIONS)} "
                f"Options are: {', '.join(f'{name}=VALUE' for name in OPTIONS)}. "
                "Put a folder with spaces in its name between quotation marks."
            )
        options[name] = value
    return words[0], options


def towards(objectives: Sequence[Objective]) -> RunnableConfig:
    """The configuration of a call that asks for these objectives."""
    return {"configurable": {"objectives": list(objectives)}}


def objectives_of(named: Sequence[str], own: str) -> tuple[Objective, ...]:
    """The objectives that somebody ticked and wrote.

    Args:
        named: the names that are ticked.
        own: objectives of their own, one a line, as ``Name: description``.

    Raises:
        ObjectiveError: if there are none, or a line is no objective.

    >>> [one.name for one in objectives_of(["fair"], "Brief: the response is one sentence")]
    ['fair', 'Brief']
    """
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    if not named and not lines:
        raise ObjectiveError("Tick an objective, or write one of your own.")
    return distinct_objectives([*named, *lines])
