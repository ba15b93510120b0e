"""What an edit goes by: the options of an aligner, each looked up once (`EditOptions`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_metaaligner.edit.checks import BoundCheck, Preserved
from langchain_metaaligner.edit.editor import Editor
from langchain_metaaligner.edit.exchange import Keys
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.need import BoundNeed
from langchain_metaaligner.edit.places import Places
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.templates import EditTemplate

OnFailure = Literal["original", "raise", "refuse"]
OnMissingQuestion = Literal["original", "raise"]
Refusing = str | Callable[..., Any]

RetryBy = Literal["sampling", "order"]

REFUSAL = "I am sorry, I cannot give an answer to that right now."
"""What the user of an answer without an edit sees under ``on_failure="refuse"``, by itself."""


@dataclass(frozen=True)
class EditOptions:
    """What an edit goes by: the choices of an aligner, each looked up once.

    Attributes:
        editor: the model that edits.
        template: how it is asked.
        objectives: what the edit is to improve.
        aspects: their texts, as they stand in the prompt.
        keys: where question and answer stand in a dict.
        fields: paths to the texts of structured answers.
        preserve: what of the draft must survive.
        checks: the caller's own checks.
        check_timeout: the seconds that each of them has.
        gate: the reward model that must find the edit better, if there is one.
        candidates: how many edits are asked for each answer.
        on_failure: what happens when an edit fails.
        refusal: what stands in the place of the draft then, where it is refused.
        on_missing_question: whether the draft stands when its question cannot be known.
        live: whether streams show the edit while it is written.
        when: whether an answer is to be edited at all; None: always.
        retries: how often a refused edit is tried again.
        retry_by: how it is asked for then.
        timeout: seconds that an edit may take.
        places: how many answers may be under way.
    """

    editor: Editor
    template: EditTemplate
    objectives: tuple[Objective, ...]
    aspects: str
    keys: Keys
    fields: tuple[str, ...]
    preserve: tuple[Preserved, ...]
    checks: tuple[BoundCheck, ...]
    check_timeout: float | None
    gate: RewardGate | None
    candidates: int
    on_failure: OnFailure
    refusal: Refusing
    on_missing_question: OnMissingQuestion
    live: bool
    when: BoundNeed | None
    retries: int
    retry_by: RetryBy
    timeout: float | None
    places: Places

    def towards(self, objectives: tuple[Objective, ...]) -> EditOptions:
        """The same with other objectives."""
        return replace(self, objectives=objectives, aspects=self.template.aspects(objectives))
