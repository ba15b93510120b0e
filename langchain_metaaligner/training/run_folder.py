"""The folder of a run: whose it is, the checkpoints in it, and the model that comes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig, Trainer

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.load import read_tokenizer
from langchain_metaaligner.models.spec import METADATA_FILE
from langchain_metaaligner.training.recipe import Run
from langchain_metaaligner.training.stages import ADAPTER, FINAL, StageResult, processes_of

#: Loads a model of some kind: a Hub id or folder, and ``dtype=``.
Loader = Callable[..., Any]
RECIPE_FILE, LOG_FILE = "recipe.json", "training_log.jsonl"


@dataclass(frozen=True)
class TrainingReport:
    """What a run came to.

    Attributes:
        model: folder of what was trained: an aligner, a baseline, or a folder with one reward
            model for each objective.
        stages: the result of each stage.
    """

    model: Path
    stages: list[StageResult]


@contextmanager
def claimed(recipe: Run) -> Iterator[bool]:
    """Claim the folder of a run before it, and wait for all processes before and after.

    Yields:
        Whether this process is the one that writes.

    Raises:
        RecipeError: if the folder holds a run of another recipe, or data are missing.
    """
    for name, data in recipe.data().items():
        for key, path in (("train", data.train), ("eval", data.eval)):
            if path is not None and not path.exists():
                raise RecipeError(
                    f"There is no {path}, which is to be {key} of {name}. "
                    "Build the data first (metaaligner data), or give another path."
                )
    processes = processes_of(recipe)
    if processes.is_main_process:
        _claim(recipe)
    processes.wait_for_everyone()
    yield processes.is_main_process
    processes.wait_for_everyone()


def _claim(recipe: Run) -> None:
    path, wanted = recipe.output / RECIPE_FILE, recipe.model_dump(mode="json")
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != wanted:
        raise RecipeError(
            f"{recipe.output} holds a run of another recipe (see {RECIPE_FILE} there). "
            "Give another output=DIR, or delete that folder."
        )
    recipe.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")


def save(trainer: Trainer, recipe: Run, source: str, folder: Path, load: Loader) -> None:
    """Write a stage's model as a plain checkpoint; a LoRA adapter is kept beside it.

    Args:
        trainer: with the trained model.
        recipe: of the run.
        source: the model that the stage started from.
        folder: of the stage.
        load: loads such models.
    """
    final, adapter = folder / FINAL, folder / ADAPTER
    trainer.save_model(str(adapter if recipe.lora else final))
    if not trainer.accelerator.is_main_process:
        return
    if recipe.lora:
        base = load(source, dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
        tokenizer: Any = trainer.processing_class
        merged.config.pad_token_id = tokenizer.pad_token_id
        merged.save_pretrained(final)
    # As it was: training needs a tokenizer with padding and, for Llama, a patched word mark.
    read_tokenizer(source, {}).save_pretrained(final)


def publish(
    recipe: Run,
    last: Path,
    final: Path,
    load: Loader,
    metadata: Mapping[str, Any],
    card: str,
) -> None:
    """Put together the folder of a trained model from its last stage's checkpoint.

    The weights are in the precision of the run, and greedy decoding is their default.

    Args:
        recipe: of the run.
        last: the checkpoint.
        final: the folder.
        load: loads such models.
        metadata: for ``metaaligner.json``.
        card: the model card.
    """
    shutil.rmtree(final, ignore_errors=True)
    shutil.copytree(last, final, ignore=shutil.ignore_patterns("training_args.bin", "README.md"))
    model = load(final, dtype=torch.bfloat16 if recipe.precision == "bf16" else torch.float32)
    if model.can_generate():
        known = model.generation_config
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            bos_token_id=known.bos_token_id,
            eos_token_id=known.eos_token_id,
            pad_token_id=known.pad_token_id,
            do_sample=False,
        )
    model.save_pretrained(final)
    told = json.dumps(metadata, indent=2) + "\n"
    (final / METADATA_FILE).write_text(told, encoding="utf-8")
    (final / "README.md").write_text(card, encoding="utf-8")


def spent(results: Sequence[StageResult]) -> dict[str, float]:
    """Seconds of each kind of device, such as ``{"cuda": 7200.0}``, all devices together."""
    seconds: dict[str, float] = {}
    for result in results:
        used = result.seconds * result.processes
        seconds[result.device] = round(seconds.get(result.device, 0.0) + used, 3)
    return seconds


def write_log(recipe: Run, results: Sequence[StageResult]) -> None:
    """Write the log of all stages, one line for each entry."""
    with (recipe.output / LOG_FILE).open("w", encoding="utf-8") as lines:
        for result in results:
            lines.writelines(json.dumps({"stage": result.name, **e}) + "\n" for e in result.log)
