"""One entry for every method of training."""

from __future__ import annotations

from langchain_metaaligner.training.aligner import train_aligner
from langchain_metaaligner.training.cdpo import train_cdpo
from langchain_metaaligner.training.morlhf import train_morlhf
from langchain_metaaligner.training.recipe import (
    AnyRecipe,
    CdpoRecipe,
    MorlhfRecipe,
    Recipe,
    RewardModelRecipe,
)
from langchain_metaaligner.training.reward_model import train_reward_models
from langchain_metaaligner.training.run_folder import TrainingReport
from langchain_metaaligner.training.sft import train_sft


def train(recipe: AnyRecipe) -> TrainingReport:
    """Train what a recipe describes: an aligner, or one of the methods that it is compared with.

    A run that was stopped goes on where it was when it is started again: finished stages are not
    repeated, and a stage resumes from its last checkpoint. Under ``torchrun`` and ``accelerate
    launch`` every process calls this; the first alone writes.

    Returns:
        The report. ``output/final`` is what was trained; ``output/training_log.jsonl`` has a line
        for each log entry of each stage.

    Raises:
        RecipeError: if the output folder holds a run of another recipe, or the data cannot be used.
        DataError: if a CSV file of data is broken.
        CheckpointError: if a model cannot be loaded.
    """
    if isinstance(recipe, Recipe):
        return train_aligner(recipe)
    if isinstance(recipe, CdpoRecipe):
        return train_cdpo(recipe)
    if isinstance(recipe, RewardModelRecipe):
        return train_reward_models(recipe)
    if isinstance(recipe, MorlhfRecipe):
        return train_morlhf(recipe)
    return train_sft(recipe)
