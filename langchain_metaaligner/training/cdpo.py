"""CDPO over TRL's ``DPOTrainer``: the objectives live in the data.

A prompt names the highest rewards, and of two answers that is the chosen one whose own rewards
are nearer to them (section 10.2 of the research code's behaviour; ``MODPO`` in its tables).
"""

from __future__ import annotations

from pathlib import Path

from trl import DPOConfig, DPOTrainer

from langchain_metaaligner.training.baselines import CdpoRecipe
from langchain_metaaligner.training.preference_pairs import read_comparisons, tokenise_apart
from langchain_metaaligner.training.recipe import Data
from langchain_metaaligner.training.stages import Prepared, arguments, lora_config, trainable


def prepare_cdpo(recipe: CdpoRecipe, data: Data, source: str, folder: Path) -> Prepared:
    """Make the trainer for pairs, of the model that is also its own reference.

    Args:
        recipe: of the run.
        data: the pairs.
        source: the model to start from: that of SFT.
        folder: for the checkpoints.

    Raises:
        RecipeError: if the pairs or the tokenizer cannot be used.
        CheckpointError: if the model cannot be loaded.
    """
    model, tokenizer = trainable(source)
    pairs = read_comparisons(data.train)
    train = tokenise_apart(pairs, tokenizer, recipe.max_length)
    evaluation = data.eval and tokenise_apart(
        read_comparisons(data.eval), tokenizer, recipe.max_length
    )
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(
            beta=recipe.beta,
            loss_type=["sigmoid"],
            max_length=recipe.max_length,
            **arguments(recipe, data, folder),
        ),
        train_dataset=pairs.select([0]),
        eval_dataset=pairs.select([0]) if evaluation else None,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, "CAUSAL_LM"),
    )
    # It tokenises whatever it is made with, prompt and answer together, which merges tokens where
    # they meet: it is made with one pair, and given those that are tokenised apart afterwards.
    trainer.train_dataset = train.rows
    if evaluation:
        trainer.eval_dataset = evaluation.rows
    return Prepared(trainer, len(train.rows), train.too_long)
