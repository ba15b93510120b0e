"""What comes of a baseline: a plain language model that knows how it is to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from transformers import AutoModelForCausalLM

from langchain_metaaligner.training.card import baseline_card
from langchain_metaaligner.training.recipe import CdpoRecipe, MorlhfRecipe, SftRecipe
from langchain_metaaligner.training.runs import publish, spent, write_log
from langchain_metaaligner.training.stages import FINAL, StageResult

#: What SFT and CDPO models are asked for, by data set (section 10.1 of the research's behaviour).
TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "HH-RLHF": "<Harmlessness>: 4.19; <Helpfulness>: 3.03; <Humour>: 1.58 | ",
        "UltraFeedback": (
            "<instruction_following>: 5; <honesty>: 5; <truthfulness>: 5; <helpfulness>: 5 | "
        ),
    }
)


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
