"""Aligner training: thin entries over TRL and PEFT. Needs the extra ``train``."""

from langchain_metaaligner.errors import MissingExtraError

try:
    import datasets as _datasets  # noqa: F401
    import peft as _peft  # noqa: F401
    import trl as _trl  # noqa: F401
except ImportError as error:
    raise MissingExtraError("Training", "train") from error

from langchain_metaaligner.training.aligner import TrainingReport, train
from langchain_metaaligner.training.recipe import Lora, Recipe, Stage, load_recipe
from langchain_metaaligner.training.stages import StageResult

__all__ = ["Lora", "Recipe", "Stage", "StageResult", "TrainingReport", "load_recipe", "train"]
