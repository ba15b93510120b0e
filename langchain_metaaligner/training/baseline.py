"""What comes of a baseline: a plain language model that knows how it is to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM

from langchain_metaaligner.training.card import baseline_card
from langchain_metaaligner.training.recipe import CdpoRecipe, MorlhfRecipe, SftRecipe
from langchain_metaaligner.training.run_folder import publish, spent, write_log
from langchain_metaaligner.training.stages import FINAL, StageResult


def publish_baseline(
    recipe: SftRecipe | CdpoRecipe | MorlhfRecipe,
    result: StageResult,
    folder: Path,
    told: Mapping[str, Any],
) -> None:
    """Put the trained model, its metadata and card, and the log into the run's folder.

    Args:
        recipe: of the run.
        result: of its one stage.
        folder: of that stage.
        told: what belongs to the method, for ``metaaligner.json``. Its ``prompt_prefix`` stands
            before each prompt that the model is asked.
    """
    publish(
        recipe,
        folder / FINAL,
        recipe.output / FINAL,
        AutoModelForCausalLM.from_pretrained,
        {
            "method": recipe.method,
            "base": recipe.base,
            **told,
            "device_seconds": spent([result]),
        },
        baseline_card(recipe, result, told.get("prompt_prefix", "")),
    )
    write_log(recipe, [result])
