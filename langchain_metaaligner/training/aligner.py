"""A whole training run: the stages one after the other, and the aligner that comes of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import AutoModelForCausalLM, GenerationConfig
from trl import SFTTrainer

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.reading import read_tokenizer
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.card import model_card
from langchain_metaaligner.training.recipe import Recipe
from langchain_metaaligner.training.stages import StageResult, run_stage

FINAL, RECIPE_FILE, RESULT_FILE = "final", "recipe.json", "result.json"


@dataclass(frozen=True)
class TrainingReport:
    """What a run came to.

    Attributes:
        aligner: folder of the trained aligner, for ``AlignerLLM.from_pretrained``.
        stages: the result of each stage.
    """

    aligner: Path
    stages: list[StageResult]


def train(recipe: Recipe) -> TrainingReport:
    """Train an aligner: warm-up, equal and contrastive stage (section 3.2.2), those that are given.

    A run that was stopped goes on where it was when it is started again: finished stages are not
    repeated, and a stage resumes from its last checkpoint. Under ``torchrun`` and ``accelerate
    launch`` every process calls this; the first alone writes.

    Returns:
        The report. ``output/final`` is the aligner; ``output/training_log.jsonl`` has a line for
        each log entry of each stage.

    Raises:
        RecipeError: if the output folder holds a run of another recipe, or the data cannot be used.
        CheckpointError: if the base cannot be loaded.
    """
    processes = PartialState(cpu=recipe.cpu or not torch.cuda.is_available())
    if processes.is_main_process:
        _claim(recipe)
    processes.wait_for_everyone()
    source, results = recipe.base, []
    for number, (name, stage) in enumerate(recipe.stages.items(), 1):
        folder = recipe.output / f"{number}-{name}"
        if not (folder / RESULT_FILE).exists():
            trainer, result = run_stage(name, stage, recipe, source, folder)
            _save(trainer, recipe, source, folder)
            if processes.is_main_process:
                (folder / RESULT_FILE).write_text(json.dumps(asdict(result)), encoding="utf-8")
            processes.wait_for_everyone()
        results.append(StageResult(**json.loads((folder / RESULT_FILE).read_text())))
        source = str(folder / FINAL)
    if processes.is_main_process:
        _finish(recipe, Path(source), results)
    processes.wait_for_everyone()
    return TrainingReport(recipe.output / FINAL, results)


def _claim(recipe: Recipe) -> None:
    path, wanted = recipe.output / RECIPE_FILE, recipe.model_dump(mode="json")
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != wanted:
        raise RecipeError(
            f"{recipe.output} holds a run of another recipe (see {RECIPE_FILE} there). "
            "Give another output=DIR, or delete that folder."
        )
    recipe.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")


def _save(trainer: SFTTrainer, recipe: Recipe, source: str, folder: Path) -> None:
    """Write the stage's model as a plain checkpoint; a LoRA adapter is kept beside it."""
    final, adapter = folder / FINAL, folder / "adapter"
    trainer.save_model(str(adapter if recipe.lora else final))
    if not trainer.accelerator.is_main_process:
        return
    if recipe.lora:
        base = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
        merged.save_pretrained(final)
    # As it was: training needs a tokenizer with padding and, for Llama, a patched word mark.
    read_tokenizer(source, {}).save_pretrained(final)


def _finish(recipe: Recipe, last: Path, results: list[StageResult]) -> None:
    """Put together the folder of the aligner from the last stage's checkpoint."""
    final = recipe.output / FINAL
    shutil.rmtree(final, ignore_errors=True)
    shutil.copytree(last, final, ignore=shutil.ignore_patterns("training_args.bin", "README.md"))
    _write_weights(final, recipe)
    template = EditTemplate.named(recipe.template)
    metadata = {
        "template": template.name,
        "objectives": list(recipe.objectives or template.objectives),
    }
    (final / "metaaligner.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    (final / "README.md").write_text(model_card(recipe, results), encoding="utf-8")
    with (recipe.output / "training_log.jsonl").open("w", encoding="utf-8") as lines:
        for result in results:
            lines.writelines(json.dumps({"stage": result.name, **e}) + "\n" for e in result.log)


def _write_weights(final: Path, recipe: Recipe) -> None:
    """Save the weights in the precision of the run, with greedy decoding as their default."""
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(final, dtype=dtype)
    known = model.generation_config
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=known.bos_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
        do_sample=False,
    )
    model.save_pretrained(final)
