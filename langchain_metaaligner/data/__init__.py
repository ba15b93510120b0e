"""Preferences into weak-to-strong pairs: the dynamic multi-objective data sets.

Needs the extra ``train``. Source: Algorithm 1 of the paper, and the builders of the research
repository, whose output ``research_compat=True`` reproduces byte for byte.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from langchain_metaaligner.errors import MissingExtraError

if TYPE_CHECKING:
    from langchain_metaaligner.data.building import (
        build_hh_rlhf,
        build_imhi,
        build_released,
        build_ultrafeedback,
    )
    from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
    from langchain_metaaligner.data.problems import Problem, Problems
    from langchain_metaaligner.data.released import Conversation, read_conversations
    from langchain_metaaligner.data.report import BuildReport
    from langchain_metaaligner.data.rewards import RewardModel, score_dialogues

if any(find_spec(package) is None for package in ("datasets", "pandas")):
    raise MissingExtraError("Building data sets", "train")

_HOMES = {
    "BuildReport": "report",
    "Conversation": "released",
    "Preference": "preferences",
    "Problem": "problems",
    "Problems": "problems",
    "RewardModel": "rewards",
    "WeakToStrong": "preferences",
    "build_hh_rlhf": "building",
    "build_imhi": "building",
    "build_released": "building",
    "build_ultrafeedback": "building",
    "read_conversations": "released",
    "score_dialogues": "rewards",
    "weak_to_strong": "preferences",
}

__all__ = [
    "BuildReport",
    "Conversation",
    "Preference",
    "Problem",
    "Problems",
    "RewardModel",
    "WeakToStrong",
    "build_hh_rlhf",
    "build_imhi",
    "build_released",
    "build_ultrafeedback",
    "read_conversations",
    "score_dialogues",
    "weak_to_strong",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that reading texts does not wait for `datasets`."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
