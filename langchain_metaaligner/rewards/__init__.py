"""Reward models as scorers of answers. Its public names are found here without loading torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "ATTRIBUTES": "dpa",
    "DPA": "dpa",
    "DPARewardModel": "dpa",
    "ObjectiveScorer": "scorer",
    "PUBLISHED": "classifier",
    "Reward": "scorer",
    "Scorer": "scorer",
    "SequenceReward": "classifier",
    "directional": "dpa",
    "helpsteer": "dpa",
    "reward_model": "load",
    "trained_objective": "load",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
