"""Supervised fine-tuning over TRL: the stages of an aligner, and reward-conditioned SFT.

Reward-conditioned SFT is stage 1 of Rewards-in-Context: each prompt names the rewards that its
answer has, and at inference the model is asked for the highest (section 10 of the research code's
behaviour; ``SFT`` in the paper's tables).
"""

from __future__ import annotations

from pathlib import Path

from trl import SFTConfig, SFTTrainer

from langchain_metaaligner.models.load import read
from langchain_metaaligner.models.spec import CheckpointSpec
from langchain_metaaligner.training.departures import DepartureTrainer
from langchain_metaaligner.training.examples import read_pairs, tokenise
from langchain_metaaligner.training.recipe import Data, Recipe, SftRecipe, Stage
from langchain_metaaligner.training.stages import Prepared, arguments, lora_config, make_ready


def prepare_aligner(recipe: Recipe, stage: Stage, source: str, folder: Path) -> Prepared:
    """Make the trainer of an aligner's stage, with the stage's learning rate; see `prepare_sft`."""
    rate = stage.learning_rate or recipe.learning_rate
    return prepare_sft(recipe.model_copy(update={"learning_rate": rate}), stage, source, folder)


def prepare_sft(recipe: Recipe | SftRecipe, data: Data, source: str, folder: Path) -> Prepared:
    """Make the trainer for prompts and answers; the loss is on the answers alone.

    Args:
        recipe: of the run.
        data: the examples.
        source: the model to start from.
        folder: for the checkpoints.

    Raises:
        RecipeError: if the examples or the tokenizer cannot be used.
        CheckpointError: if the model cannot be loaded.
    """
    spec = CheckpointSpec(model=source, device="cpu", dtype="float32").resolved()
    model, tokenizer = read(spec)
    make_ready(tokenizer, source)
    weight = recipe.departure_weight if isinstance(recipe, Recipe) else 1.0
    train = tokenise(read_pairs(data.train), tokenizer, recipe.max_length, weight)
    evaluation = data.eval and tokenise(read_pairs(data.eval), tokenizer, recipe.max_length, weight)
    options = arguments(recipe, data, folder)
    if recipe.group_by_length:
        options["train_sampling_strategy"] = "group_by_length"
    trainer = (SFTTrainer if weight == 1 else DepartureTrainer)(
        model=model.train(),
        args=SFTConfig(
            max_length=recipe.max_length,
            completion_only_loss=True,
            packing=recipe.packing,
            remove_unused_columns=weight == 1,  # the weights are a column of their own
            **options,
        ),
        train_dataset=train.rows,
        eval_dataset=evaluation.rows if evaluation else None,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, "CAUSAL_LM"),
    )
    return Prepared(trainer, len(train.rows), train.too_long)
