"""Preferences into weak-to-strong pairs: the dynamic multi-objective data sets.

Needs the extra ``train``. Source: Algorithm 1 of the paper, and the builders of the research
repository, whose output ``research`` reproduces byte for byte.
"""

from langchain_metaaligner.errors import MissingExtraError

try:
    import datasets as _datasets  # noqa: F401
    import pandas as _pandas  # noqa: F401
except ImportError as error:
    raise MissingExtraError("Building data sets", "train") from error

from langchain_metaaligner.data import research
from langchain_metaaligner.data.building import (
    BuildReport,
    build_hh_rlhf,
    build_imhi,
    build_ultrafeedback,
)
from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
from langchain_metaaligner.data.problems import Problem, Problems
from langchain_metaaligner.data.released import Conversation, read_conversations
from langchain_metaaligner.data.rewards import RewardModel, score_dialogues

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
    "build_ultrafeedback",
    "read_conversations",
    "research",
    "score_dialogues",
    "weak_to_strong",
]
