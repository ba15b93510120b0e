"""The model cards of what was trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langchain_metaaligner.data.schemes import SCHEMES
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.baselines import (
    CdpoRecipe,
    MorlhfRecipe,
    RewardModelRecipe,
    SftRecipe,
)
from langchain_metaaligner.training.recipe import Data, Recipe, Run
from langchain_metaaligner.training.stages import StageResult

_CARD = """---
license: {license}
base_model: {base}
library_name: transformers
pipeline_tag: {pipeline}
tags: [metaaligner, alignment]
---
# {title}

{text}

## Training

{method}, {precision}, highest learning rate {rate:g}, {schedule} schedule, {examples} examples in
a step and process, at most {length:,} tokens, seed {seed}.

| stage | data | examples | too long | steps | loss | evaluation loss |
|---|---|---|---|---|---|---|
{stages}
"""

_ALIGNER = """A language model that edits a draft answer, trained from `{base}` with \
langchain-metaaligner.
It reads the edit template of {template}, for the objectives {objectives}.

    from langchain_metaaligner import MetaAlignerRunnable

    chain = llm | MetaAlignerRunnable(objectives={example}, model="THIS FOLDER")"""

_REWARD = """A sequence classifier that scores an answer to a prompt, trained from `{base}` with \
langchain-metaaligner. It reads both as a pair; its one logit is the score.

    from langchain_metaaligner.rewards.classifier import SequenceReward

    SequenceReward("THIS FOLDER", response_only=False)([(prompt, response)])"""

_BASELINE = """A language model that answers, trained from `{base}` with langchain-metaaligner.
{asked}"""

_TITLES = {
    "sft": "Reward-conditioned SFT",
    "cdpo": "CDPO",
    "morlhf": "MORLHF",
}


def aligner_card(recipe: Recipe, results: Sequence[StageResult]) -> str:
    """Write the card of an aligner, for its ``README.md``."""
    template = EditTemplate.named(recipe.template)
    objectives = recipe.objectives or template.objectives
    text = _ALIGNER.format(
        base=recipe.base,
        template=template.name,
        objectives=", ".join(objectives),
        example=list(objectives[:2]),
    )
    title = f"A MetaAligner for {template.name}"
    parts = [(recipe.stages[result.name], result) for result in results]  # type: ignore[index]
    return _card(recipe, title, text, recipe.max_length, parts)


def baseline_card(
    recipe: SftRecipe | CdpoRecipe | MorlhfRecipe, results: Sequence[StageResult]
) -> str:
    """Write the card of a baseline."""
    if isinstance(recipe, MorlhfRecipe):
        weights = (f"{weight:g} {name}" for name, weight in recipe.weights.items())
        asked = (
            "Prompts are as they are.\n"
            f"Its reward was {' + '.join(weights)}, less {recipe.beta:g} KL."
        )
        length = recipe.max_prompt_tokens + recipe.max_new_tokens
    else:
        asked = f"Each prompt begins with `{SCHEMES[recipe.template].prompt('')}`."
        length = recipe.max_length
    text = _BASELINE.format(base=recipe.base, asked=asked)
    return _card(recipe, _TITLES[recipe.method], text, length, [(recipe, results[0])])


def reward_card(recipe: RewardModelRecipe, results: Sequence[StageResult]) -> str:
    """Write the card of the reward model of one objective."""
    (result,) = results
    part = (recipe.objectives[result.name], result)
    text = _REWARD.format(base=recipe.base)
    return _card(recipe, f"A reward model for {result.name}", text, recipe.max_length, [part])


def _card(
    recipe: Run, title: str, text: str, length: int, parts: Iterable[tuple[Data, StageResult]]
) -> str:
    scores = isinstance(recipe, RewardModelRecipe)
    rows = []
    for data, result in parts:
        eval_loss = "" if result.eval_loss is None else f"{result.eval_loss:.4f}"
        rows.append(
            f"| {result.name} | {data.train.name} | {result.examples:,} | {result.too_long:,} | "
            f"{result.steps:,} | {result.loss:.4f} | {eval_loss} |"
        )
    return _CARD.format(
        license=recipe.license,
        base=recipe.base,
        pipeline="text-classification" if scores else "text-generation",
        title=title,
        text=text,
        method=f"LoRA of rank {recipe.lora.rank}" if recipe.lora else "Full fine-tuning",
        precision=recipe.precision,
        rate=recipe.learning_rate,
        schedule=recipe.schedule,
        examples=recipe.batch_size * recipe.accumulation,
        length=length,
        seed=recipe.seed,
        stages="\n".join(rows),
    )
