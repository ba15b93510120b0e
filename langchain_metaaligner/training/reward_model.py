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
from langchain_metaaligner.training.card import reward_card
from langchain_metaaligner.training.preference_pairs import read_comparisons, tokenise_scored
from langchain_metaaligner.training.recipe import Data, RewardModelRecipe
from langchain_metaaligner.training.run_folder import (
    TrainingReport,
    claimed,
    publish,
    save,
    spent,
    write_log,
)
from langchain_metaaligner.training.stages import (
    FINAL,
    Prepared,
    StageResult,
    arguments,
    lora_config,
    make_ready,
    run_stage,
)

_load = partial(AutoModelForSequenceClassification.from_pretrained, num_labels=1)


def train_reward_models(recipe: RewardModelRecipe) -> TrainingReport:
    """Train a reward model for each objective; see `train`.

    Returns:
        The report; ``output/final/OBJECTIVE`` is a reward model, for `SequenceReward`.
    """
    results = []
    with claimed(recipe) as writes:
        for number, (objective, data) in enumerate(recipe.objectives.items(), 1):
            folder = recipe.output / f"{number}-{objective}"
            result = run_stage(
                objective,
                folder,
                partial(_prepare, recipe, data, folder),
                partial(save, recipe=recipe, source=recipe.base, folder=folder, load=_load),
            )
            if writes:
                _publish(recipe, result, folder)
            results.append(result)
        if writes:
            write_log(recipe, results)
    return TrainingReport(recipe.output / FINAL, results)


def _prepare(recipe: RewardModelRecipe, data: Data, folder: Path) -> Prepared:
    source = resolve(recipe.base)
    tokenizer = read_tokenizer(source, {})
    make_ready(tokenizer, recipe.base)
    _require_positions(recipe, source)
    train = tokenise_scored(read_comparisons(data.train), tokenizer, recipe.max_length)
    held = data.eval and tokenise_scored(read_comparisons(data.eval), tokenizer, recipe.max_length)
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
            eval_dataset=held.rows if held else None,
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


def _publish(recipe: RewardModelRecipe, result: StageResult, folder: Path) -> None:
    final = recipe.output / FINAL / result.name
    told = {
        "method": recipe.method,
        "objective": result.name,
        "response_only": False,
        "max_length": recipe.max_length,
        "device_seconds": spent([result]),
    }
    publish(recipe, folder / FINAL, final, _load, told, reward_card(recipe, result))
    tokenizer = read_tokenizer(recipe.base, {})
    tokenizer.model_max_length = recipe.max_length
    tokenizer.save_pretrained(final)
