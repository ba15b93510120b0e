"""Aligner training: the stages one after the other, and the aligner that comes of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from transformers import AutoModelForCausalLM

from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.card import aligner_card
from langchain_metaaligner.training.recipe import Recipe, Stage
from langchain_metaaligner.training.run_folder import (
    TrainingReport,
    claimed,
    publish,
    save,
    spent,
    write_log,
)
from langchain_metaaligner.training.sft import prepare_sft
from langchain_metaaligner.training.stages import FINAL, Prepared, StageResult, run_stage


def train_aligner(recipe: Recipe) -> TrainingReport:
    """Train an aligner: warm-up, equal and contrastive stage (section 3.2.2), those that are given.

    See `train`. Finished stages are not repeated, and ``metaaligner.json`` names the template and
    the objectives.
    """
    source, results = recipe.base, []
    load = AutoModelForCausalLM.from_pretrained
    with claimed(recipe) as writes:
        for number, (name, stage) in enumerate(recipe.stages.items(), 1):
            folder = recipe.output / f"{number}-{name}"
            result = run_stage(
                name,
                folder,
                partial(_prepare, recipe, stage, source, folder),
                partial(save, recipe=recipe, source=source, folder=folder, load=load),
            )
            results.append(result)
            source = str(folder / FINAL)
        if writes:
            _publish(recipe, Path(source), results)
    return TrainingReport(recipe.output / FINAL, results)


def _prepare(recipe: Recipe, stage: Stage, source: str, folder: Path) -> Prepared:
    rate = stage.learning_rate or recipe.learning_rate
    return prepare_sft(recipe.model_copy(update={"learning_rate": rate}), stage, source, folder)


def _publish(recipe: Recipe, last: Path, results: list[StageResult]) -> None:
    template = EditTemplate.named(recipe.template)
    told = {
        "template": template.name,
        "objectives": list(recipe.objectives or template.objectives),
        "device_seconds": spent(results),
    }
    load = AutoModelForCausalLM.from_pretrained
    publish(recipe, last, recipe.output / FINAL, load, told, aligner_card(recipe, results))
    write_log(recipe, results)
