"""MORLHF over TRL's ``RLOOTrainer``: reinforcement learning on a weighted sum of rewards.

The research has PPO (section 10.3 of its behaviour), which TRL no longer has. RLOO keeps what
matters to the comparison: the policy samples answers, each objective's reward model scores them,
the scores are scalarised linearly, and the KL divergence from the base is part of the reward.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trl import RLOOConfig, RLOOTrainer

from langchain_metaaligner.errors import CheckpointError, RecipeError, nearest
from langchain_metaaligner.rewards.load import reward_model, trained_objective
from langchain_metaaligner.training.baselines import MorlhfRecipe
from langchain_metaaligner.training.examples import fitting_prompts, read_prompts
from langchain_metaaligner.training.recipe import Data
from langchain_metaaligner.training.stages import (
    Prepared,
    arguments,
    lora_config,
    processes_of,
    trainable,
)

#: Scores (prompt, response) pairs.
Scorer = Callable[[Sequence[tuple[str, str]]], Sequence[float]]

_NEXT_TURN = re.compile(r"\n\nHuman:|\nHuman:|\n\nAssistant:|\nAssistant:|\n\n\n|###")


def clean_response(text: str) -> str:
    r"""Cut an answer where the model goes on to another turn, as the research does before scoring.

    >>> clean_response(" Dry it.\n\nHuman: And then?")
    'Dry it.'
    """
    return _NEXT_TURN.split(text.strip(), maxsplit=1)[0].strip()


def check_run(recipe: MorlhfRecipe, scorers: Mapping[str, Scorer], processes: int) -> None:
    """Refuse a run whose rewards or batches cannot work, before anything is loaded.

    Args:
        recipe: of the run.
        scorers: see `train_morlhf`.
        processes: how many train.

    Raises:
        RecipeError: says what cannot work.
    """
    _check_rewards(recipe, scorers)
    _check_batch(recipe, processes)


def _check_rewards(recipe: MorlhfRecipe, scorers: Mapping[str, Scorer]) -> None:
    for name in scorers:
        if name not in recipe.rewards:
            raise RecipeError(
                f"A scorer is given for {name!r}, which the recipe has no reward for."
                f"{nearest(name, recipe.rewards)} It has: {', '.join(recipe.rewards)}."
            )
    for objective, source in recipe.rewards.items():
        if objective in scorers:
            continue
        if source is None:
            raise RecipeError(
                f"rewards.{objective} is null, and no scorer is given for it. Name a folder or "
                f"Hub id, or call train_morlhf with scorers={{{objective!r}: …}}."
            )
        try:
            trained = trained_objective(source)
        except CheckpointError as error:
            raise RecipeError(
                f"rewards.{objective} is {source}, where there is no reward model ({error}). "
                "Train it first (method: reward-model), or give another folder or a Hub id."
            ) from error
        if trained not in (None, objective):
            raise RecipeError(
                f"The reward model {source} was trained for {trained}, but is to score "
                f"{objective}. Give rewards.{objective} the model of that objective."
            )


def _check_batch(recipe: MorlhfRecipe, processes: int) -> None:
    answers = recipe.batch_size * recipe.accumulation * processes
    if answers % recipe.num_generations:
        raise RecipeError(
            f"A step has batch_size {recipe.batch_size} x accumulation {recipe.accumulation} x "
            f"{processes} processes = {answers} answers, which num_generations="
            f"{recipe.num_generations} does not divide. Give a multiple of it."
        )


def prepare_morlhf(
    recipe: MorlhfRecipe,
    data: Data,
    source: str,
    folder: Path,
    scorers: Mapping[str, Scorer] = MappingProxyType({}),
) -> Prepared:
    """Make the trainer of a policy that is rewarded for its own answers.

    Args:
        recipe: of the run.
        data: the prompts.
        source: the model to start from.
        folder: for the checkpoints.
        scorers: see `train_morlhf`.

    Raises:
        RecipeError: if the prompts or the tokenizer cannot be used.
        CheckpointError: if a model cannot be loaded.
    """
    model, tokenizer = trainable(source)
    tokenizer.split_special_tokens = True  # as `prompt_ids` reads a prompt
    fitting = fitting_prompts(read_prompts(data.train), tokenizer, recipe.max_prompt_tokens)
    device = str(processes_of(recipe).device)
    rewards: list[Any] = [
        _reward_function(
            objective, scorers.get(objective) or reward_model(str(model_id), device), recipe
        )
        for objective, model_id in recipe.rewards.items()
    ]
    trainer = RLOOTrainer(
        model=model,
        reward_funcs=rewards,
        args=RLOOConfig(
            beta=recipe.beta,
            reward_weights=list(recipe.weights.values()),
            num_generations=recipe.num_generations,
            max_completion_length=recipe.max_new_tokens,
            temperature=recipe.temperature,
            **arguments(recipe, data, folder),
        ),
        train_dataset=fitting.rows,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, "CAUSAL_LM"),
    )
    return Prepared(trainer, len(fitting.rows), fitting.too_long)


def _reward_function(
    objective: str, score: Scorer, recipe: MorlhfRecipe
) -> Callable[..., list[float]]:
    """A scorer in TRL's form, under the name that the log has for it."""

    def reward(prompts: list[str], completions: list[str], **others: Any) -> list[float]:
        answers = [clean_response(text) for text in completions]
        scores = [float(value) for value in score(list(zip(prompts, answers, strict=True)))]
        if not all(map(math.isfinite, scores)):
            raise RecipeError(
                f"The scorer of {objective} gave {scores}. It must give a finite number for each "
                "(prompt, response) pair."
            )
        if recipe.decimals is None:
            return scores
        return [round(value, recipe.decimals) for value in scores]

    reward.__name__ = objective
    return reward
