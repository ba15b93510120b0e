"""Reward models over TRL's ``RewardTrainer``: one for each objective, by the pairwise loss.

The trained model reads prompt and answer as a pair, as `SequenceReward` feeds it (section 10.3 of
the research code's behaviour).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForSequenceClassification
from trl import RewardConfig, RewardTrainer

from langchain_metaaligner.errors import CheckpointError, RecipeError
from langchain_metaaligner.models.load import read_tokenizer
from langchain_metaaligner.models.spec import resolve
from langchain_metaaligner.training.baselines import RewardModelRecipe
from langchain_metaaligner.training.preference_pairs import read_comparisons, tokenise_scored
from langchain_metaaligner.training.recipe import Data
from langchain_metaaligner.training.stages import Prepared, arguments, lora_config, make_ready

load_reward_model = partial(AutoModelForSequenceClassification.from_pretrained, num_labels=1)
"""Loads a reward model, or gives another model the head of one."""


def prepare_reward_model(
    recipe: RewardModelRecipe, data: Data, base: str, folder: Path
) -> Prepared:
    """Make the trainer of one objective's reward model.

    Args:
        recipe: of the run.
        data: the objective's pairs.
        base: the model to start from.
        folder: for the checkpoints.

    Raises:
        RecipeError: if the pairs or the tokenizer cannot be used, or are longer than the positions.
        CheckpointError: if the model cannot be loaded.
    """
    source = resolve(base)
    tokenizer = read_tokenizer(source, {})
    make_ready(tokenizer, base)
    _require_positions(recipe, source)
    train = tokenise_scored(read_comparisons(data.train), tokenizer, recipe.max_length)
    evaluation = data.eval and tokenise_scored(
        read_comparisons(data.eval), tokenizer, recipe.max_length
    )
    settings = RewardConfig(
        max_length=recipe.max_length,
        model_init_kwargs={"dtype": "float32"},
        **arguments(recipe, data, folder),
    )
    try:
        trainer = RewardTrainer(
            model=source,
            args=settings,
            train_dataset=train.rows,
            eval_dataset=evaluation.rows if evaluation else None,
            processing_class=tokenizer,
            peft_config=lora_config(recipe, "SEQ_CLS"),
        )
    except OSError as error:
        raise CheckpointError(
            f"The base {recipe.base!r} of the reward models cannot be loaded: {error}"
        ) from error
    return Prepared(trainer, len(train.rows), train.too_long)


def _require_positions(recipe: RewardModelRecipe, source: str) -> None:
    try:
        config: Any = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"The base {recipe.base!r} of the reward models cannot be loaded: {error}"
        ) from error
    positions = getattr(config, "max_position_embeddings", None)
    if positions and recipe.max_length > positions:
        raise RecipeError(
            f"max_length={recipe.max_length:,}, but {recipe.base} has {positions:,} positions. "
            f"Give max_length={positions} or less; longer pairs are left out and counted."
        )
