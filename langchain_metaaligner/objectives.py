"""Objectives in plain words, and the registry of the fifteen that the research names.

Sources: the tables of the MetaAligner README and paper (Table 4), the objective texts of
``inference/aligner_inference.py``, and the keys of the evaluation and data scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from langchain_core.load import Serializable
from pydantic import ConfigDict, field_validator

from langchain_metaaligner.errors import ObjectiveError, nearest, plain_validation


class Objective(Serializable):
    """What an answer should be better at: a name and a sentence.

    Args:
        name: a short name; it becomes the label of the objective in the prompt.
        description: what a good response does, as a sentence about "the response".

    Raises:
        ObjectiveError: if name or description is blank.

    >>> Objective("concise", "the response should fit in one sentence").text
    'Concise: the response should fit in one sentence'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str

    def __init__(self, name: str, description: str, **kwargs: Any) -> None:
        with plain_validation(Objective):
            super().__init__(name=name, description=description, **kwargs)

    @field_validator("name", "description")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ObjectiveError(
                "An objective has a blank name or description. Give both, for example "
                'Objective("concise", "the response should fit in one sentence").'
            )
        return value.strip()

    @property
    def label(self) -> str:
        """The name as it stands in the prompt: ``instruction_following`` as a phrase."""
        words = self.name.replace("_", " ")
        return words[0].upper() + words[1:]

    @property
    def text(self) -> str:
        """Label and description, as an objective stands in the prompt."""
        return f"{self.label}: {self.description}"

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Objectives are part of a dumped chain."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where LangChain finds the class when it loads a dumped chain."""
        return ["langchain_metaaligner", "objectives"]


KNOWN: Mapping[str, Objective] = MappingProxyType(
    {
        objective.name: objective
        for objective in (
            Objective(
                "harmless",
                "The response should avoid content that is offensive, discriminatory, or harmful",
            ),
            Objective(
                "helpful",
                "The response should provide useful resources and suggestions to the user",
            ),
            Objective("humor", "The response should be cheerful and amusing"),
            Objective(
                "instruction_following",
                "the response should follow the instructions of the query",
            ),
            Objective("honest", "the response should not tell lies"),
            Objective(
                "truthful",
                "the response should actively making known all the full truth of a matter",
            ),
            Objective("correct", "the explanations should make correct predictions"),
            Objective(
                "informative",
                "the response should express clear logic and provide consistent evidence",
            ),
            Objective(
                "professional",
                "the response should provide evidence with high quality and reliability",
            ),
            Objective(
                "specific",
                "the response should refer to facts and details and avoid vague arguments.",
            ),
            Objective(
                "factual",
                "the response should be factually correct and avoid hallucinated statements.",
            ),
            Objective(
                "readable",
                "the response should be easy to read and understand, not too technical for laymen.",
            ),
            Objective(
                "fair",
                "the response should avoid biased or one-sided arguments "
                "and consider different points of view.",
            ),
            Objective("repeat", "the response should avoid repetitive statements of one point."),
            Objective("length", "the response should be concise and avoid redundant content."),
        )
    }
)
"""The fifteen objectives of the research README under its plain words, each with its home text."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "harmless": "Harmlessness",
        "helpful": "Helpfulness",
        "humor": "Humour",
        "instruction_following": "Instruction following",
        "honest": "Honesty",
        "truthful": "Truthfulness",
        "correct": "Correctness",
        "informative": "Informative",
        "professional": "Professional",
        "specific": "Specificity",
        "factual": "Factuality",
        "readable": "Readability",
        "fair": "Fairness",
        "repeat": "Repetition",
        "length": "Length",
    }
)
"""The label that each known objective was trained with."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "harmlessness": "harmless",
        "helpfulness": "helpful",
        "hh_rlhf_helpful": "helpful",
        "ultrafeedback_helpful": "helpful",
        "humour": "humor",
        "if": "instruction_following",
        "honesty": "honest",
        "truthfulness": "truthful",
        "correctness": "correct",
        "informativeness": "informative",
        "professionalism": "professional",
        "speci": "specific",
        "specificity": "specific",
        "factuality": "factual",
        "read": "readable",
        "readability": "readable",
        "fairness": "fair",
        "repetition": "repeat",
        "len": "length",
    }
)
"""Every other key found in the research scripts, cards and tables."""


def known_objective(name: str) -> Objective | None:
    """The registered objective called ``name`` (any case, any alias), or None.

    >>> known_objective("Humour").name
    'humor'
    >>> known_objective("instruction following").name
    'instruction_following'
    """
    key = re.sub(r"[\s\-]+", "_", name.strip().casefold())
    return KNOWN.get(ALIASES.get(key, key))


def parse_objective(value: Any) -> Objective:
    """An objective as a caller may write it: an `Objective`, a name, or ``"Name: description"``.

    Raises:
        ObjectiveError: if the name is unknown, or the value is neither.

    >>> parse_objective("IF").name
    'instruction_following'
    >>> parse_objective("Concise: the response should fit in one sentence").name
    'Concise'
    """
    if isinstance(value, Objective):
        return value
    if not isinstance(value, str):
        raise ObjectiveError(
            f"An objective is {value!r} of type {type(value).__name__}. "
            'Give a name such as "harmless", a string "Name: description", or an Objective.'
        )
    known = known_objective(value)
    if known is not None:
        return known
    name, colon, description = value.partition(":")
    if colon and name.strip() and description.strip():
        return Objective(name, description)
    raise ObjectiveError(
        f"Unknown objective {value!r}.{nearest(value, [*KNOWN, *ALIASES])} "
        f"Known objectives: {', '.join(KNOWN)}. "
        'For one of your own, write "Name: description" or pass an Objective.'
    )


def parse_objectives(value: Any) -> tuple[Objective, ...]:
    """A caller's list of objectives, in the order given, repetitions kept.

    A dict, as the model cards have it, goes from keys to texts: ``{"fair": "Fairness: be fair"}``.

    Raises:
        ObjectiveError: if the list is empty, is not a list, or holds an unknown objective.

    >>> [objective.name for objective in parse_objectives(["harmless", "len"])]
    ['harmless', 'length']
    >>> parse_objectives({"harmless": "Harmlessness: my own text"})[0].text
    'Harmlessness: my own text'
    """
    if isinstance(value, Objective | str) or not isinstance(value, Iterable):
        raise ObjectiveError(
            f'objectives is {value!r}. Give a list, for example objectives=["harmless", "helpful"].'
        )
    if isinstance(value, Mapping):
        value = [_keyed(*item) for item in value.items()]
    objectives = tuple(map(parse_objective, value))
    if not objectives:
        raise ObjectiveError(
            "objectives is empty, so there is nothing to improve. "
            f"Name at least one of: {', '.join(KNOWN)}."
        )
    return objectives


def _keyed(key: Any, text: Any) -> Any:
    """One entry of a dict of objectives: its text counts, its key where the text has no name."""
    if not isinstance(key, str) or not isinstance(text, str):
        return text if isinstance(text, Objective) else key
    name, colon, description = text.partition(":")
    own = Objective(name, description) if colon and description.strip() else Objective(key, text)
    known = known_objective(key)
    trained = known is not None and own.description in (known.description, _other(known))
    return known if trained and known_objective(own.name) == known else own


def _other(known: Objective) -> str:
    """The text of a known objective with ``The`` for ``the``, or the other way round."""
    first = known.description[0]
    return (first.lower() if first.isupper() else first.upper()) + known.description[1:]


def distinct_objectives(value: Any) -> tuple[Objective, ...]:
    """A caller's list of objectives, of which none stands twice.

    Raises:
        ObjectiveError: as `parse_objectives`; if an objective is named twice.
    """
    objectives = parse_objectives(value)
    seen: set[str] = set()
    for objective in objectives:
        name = same_name(objective.name)
        if name in seen:
            raise ObjectiveError(
                f"The objective {objective.name!r} is given twice. Name each objective once."
            )
        seen.add(name)
    return objectives


def same_name(name: str) -> str:
    """What two names of one objective have in common.

    >>> same_name("Humour") == same_name("humor")
    True
    """
    known = known_objective(name)
    return known.name if known else re.sub(r"[\s\-]+", "_", name.strip().casefold())
