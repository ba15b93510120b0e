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
    from langchain_metaaligner.data.build import (
        build_hh_rlhf,
        build_imhi,
        build_released,
        build_ultrafeedback,
    )
    from langchain_metaaligner.data.options import BuildOptions
    from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
    from langchain_metaaligner.data.released import Conversation, read_conversations
    from langchain_metaaligner.data.report import BuildReport
    from langchain_metaaligner.data.score import RewardModel, score_dialogues
    from langchain_metaaligner.tables.problems import Problem, Problems

if any(find_spec(package) is None for package in ("datasets", "pandas")):
    raise MissingExtraError("Building data sets", "train")

_HOMES = {
    "BuildOptions": "options",
    "BuildReport": "report",
    "Conversation": "released",
    "Preference": "preferences",
    "Problem": ".tables.problems",
    "Problems": ".tables.problems",
    "RewardModel": "score",
    "WeakToStrong": "preferences",
    "build_hh_rlhf": "build",
    "build_imhi": "build",
    "build_released": "build",
    "build_ultrafeedback": "build",
    "read_conversations": "released",
    "score_dialogues": "score",
    "weak_to_strong": "preferences",
}

__all__ = [
    "BuildOptions",
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
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
