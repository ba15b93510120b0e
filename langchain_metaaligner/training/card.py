"""The model card of a trained aligner."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.recipe import Recipe
from langchain_metaaligner.training.stages import StageResult

_CARD = """---
license: {license}
base_model: {base}
library_name: transformers
pipeline_tag: text-generation
tags: [metaaligner, alignment]
---
# A MetaAligner for {template}

A language model that edits a draft answer, trained from `{base}` with langchain-metaaligner.
It reads the edit template of {template}, for the objectives {objectives}.

    from langchain_metaaligner import MetaAlignerRunnable

    chain = llm | MetaAlignerRunnable(objectives={example}, model="THIS FOLDER")

## Training

{method}, {precision}, highest learning rate {rate:g}, {schedule} schedule, {examples} examples in
a step and process, at most {length:,} tokens, seed {seed}.

| stage | data | examples | too long | steps | loss | evaluation loss |
|---|---|---|---|---|---|---|
{stages}
"""


def model_card(recipe: Recipe, results: Sequence[StageResult]) -> str:
    """Write the card of a finished run, for its ``README.md``."""
    template = EditTemplate.named(recipe.template)
    objectives = recipe.objectives or template.objectives
    rows = []
    for result in results:
        stage = recipe.stages[result.name]  # type: ignore[index]
        eval_loss = "" if result.eval_loss is None else f"{result.eval_loss:.4f}"
        rows.append(
            f"| {result.name} | {stage.train.name} | {result.examples:,} | {result.too_long:,} | "
            f"{result.steps:,} | {result.loss:.4f} | {eval_loss} |"
        )
    return _CARD.format(
        license=recipe.license,
        base=recipe.base,
        template=template.name,
        objectives=", ".join(objectives),
        example=list(objectives[:2]),
        method=f"LoRA of rank {recipe.lora.rank}" if recipe.lora else "Full fine-tuning",
        precision=recipe.precision,
        rate=recipe.learning_rate,
        schedule=recipe.schedule,
        examples=recipe.batch_size * recipe.accumulation,
        length=recipe.max_length,
        seed=recipe.seed,
        stages="\n".join(rows),
    )
