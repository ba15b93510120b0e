"""Training over TRL and PEFT: aligners, and the methods they are compared with.

Needs the extra ``train``.
"""

from langchain_metaaligner.errors import MissingExtraError

try:
    import datasets as _datasets  # noqa: F401
    import peft as _peft  # noqa: F401
    import trl as _trl  # noqa: F401
except ImportError as error:
    raise MissingExtraError("Training", "train") from error

from langchain_metaaligner.training.baselines import (
    CdpoRecipe,
    MorlhfRecipe,
    RewardModelRecipe,
    SftRecipe,
)
from langchain_metaaligner.training.recipe import Data, Lora, Recipe, Stage
from langchain_metaaligner.training.recipe_file import load_recipe
from langchain_metaaligner.training.run import TrainingReport, train, train_morlhf
from langchain_metaaligner.training.stages import StageResult

__all__ = [
    "CdpoRecipe",
    "Data",
    "Lora",
    "MorlhfRecipe",
    "Recipe",
    "RewardModelRecipe",
    "SftRecipe",
    "Stage",
    "StageResult",
    "TrainingReport",
    "load_recipe",
    "train",
    "train_morlhf",
]
