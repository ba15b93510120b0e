"""A run of training: one frame for all methods, from its recipe to the model that comes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

from langchain_metaaligner.data.schemes import SCHEMES
from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.load import read_tokenizer
from langchain_metaaligner.models.spec import METADATA_FILE
from langchain_metaaligner.tables.whole import whole_file, whole_folder, write_json
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.baselines import (
    AnyRecipe,
    CdpoRecipe,
    MorlhfRecipe,
    RewardModelRecipe,
    SftRecipe,
)
from langchain_metaaligner.training.card import aligner_card, baseline_card, reward_card
from langchain_metaaligner.training.cdpo import prepare_cdpo
from langchain_metaaligner.training.morlhf import Scorer, check_run, prepare_morlhf
from langchain_metaaligner.training.recipe import Recipe, Run
from langchain_metaaligner.training.reward_model import load_reward_model, prepare_reward_model
from langchain_metaaligner.training.sft import prepare_aligner, prepare_sft
from langchain_metaaligner.training.stages import (
    FINAL,
    Loader,
    Prepared,
    StageResult,
    processes_of,
    read_json,
    run_stage,
)

RECIPE_FILE, LOG_FILE = "recipe.json", "training_log.jsonl"

Prepare = Callable[..., Prepared]
"""Makes a trainer, from recipe, a part's data, the model to start from and the part's folder."""


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


@dataclass(frozen=True)
class Method:
    """What tells a method of training from the others.

    Attributes:
        prepare: makes the trainer of a part of the run.
        metadata: what ``metaaligner.json`` says of a model, from the recipe and its stages.
        card: the model card, from the same two.
        load: loads models of its kind.
        separate: each part is a model of its own; else each starts from the one before, and the
            last is what comes of the run.
    """

    prepare: Prepare
    metadata: Callable[[Any, Sequence[StageResult]], Mapping[str, Any]]
    card: Callable[[Any, Sequence[StageResult]], str]
    load: Loader = AutoModelForCausalLM.from_pretrained
    separate: bool = False


def train(recipe: AnyRecipe) -> TrainingReport:
    """Train what a recipe describes: an aligner, or one of the methods that it is compared with.

    A run that was stopped goes on where it was when it is started again: finished stages are not
    repeated, and a stage resumes from its last checkpoint. Under ``torchrun`` and ``accelerate
    launch`` every process calls this; the first alone writes.

    Returns:
        The report. ``output/final`` is what was trained (for reward models ``output/final/
        OBJECTIVE``); ``output/training_log.jsonl`` has a line for each log entry of each stage.

    Raises:
        RecipeError: if the output folder holds a run of another recipe, or the data cannot be used.
        DataError: if a CSV file of data is broken.
        CheckpointError: if a model cannot be loaded.
    """
    if isinstance(recipe, MorlhfRecipe):
        return train_morlhf(recipe)
    return _train(recipe, METHODS[recipe.method])


def train_morlhf(
    recipe: MorlhfRecipe, scorers: Mapping[str, Scorer] | None = None
) -> TrainingReport:
    """Train a policy on its own answers; see `train`.

    Args:
        recipe: the settings.
        scorers: for some objectives of the recipe, what scores (prompt, response) pairs, in place
            of the reward model that the recipe names.

    Returns:
        The report. The log has ``rewards/OBJECTIVE/mean`` and ``/std`` for each objective, their
        weighted sum as ``reward``, and ``kl``.

    Raises:
        RecipeError: if a reward model or scorer is missing or of another objective, or the
            answers of a step are not a multiple of ``num_generations``; before anything is loaded.
    """
    scorers = dict(scorers or {})
    check_run(recipe, scorers, processes_of(recipe).num_processes)
    method = METHODS[recipe.method]
    return _train(recipe, method, partial(method.prepare, scorers=scorers))


def _train(recipe: Run, method: Method, prepare: Prepare | None = None) -> TrainingReport:
    source, results, folders = recipe.base, [], []
    with claimed(recipe) as writes:
        for number, (name, data) in enumerate(recipe.data().items(), 1):
            folder = recipe.output / f"{number}-{name}"
            start = partial(prepare or method.prepare, recipe, data, source, folder)
            results.append(run_stage(name, recipe, source, folder, start, method.load))
            folders.append(folder)
            if not method.separate:
                source = str(folder / FINAL)
        if writes:
            _publish(recipe, method, results, folders)
            _write_log(recipe, results)
    return TrainingReport(recipe.output / FINAL, results)


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
    path, settings = recipe.output / RECIPE_FILE, recipe.model_dump(mode="json")
    if not path.exists():
        write_json(path, settings)
    elif {**_defaults(recipe), **read_json(path)} != settings:
        raise RecipeError(
            f"{recipe.output} holds a run of another recipe (see {RECIPE_FILE} there). "
            "Give another output=DIR, or delete that folder."
        )


def _defaults(recipe: Run) -> dict[str, Any]:
    """Settings that a run of an older version does not name, since they came later."""
    fields = type(recipe).model_fields.items()
    return {name: field.default for name, field in fields if field.default_factory is None}


def _publish(
    recipe: Run, method: Method, results: Sequence[StageResult], folders: Sequence[Path]
) -> None:
    """Put together the folder of each trained model from its last stage's checkpoint.

    The weights are in the precision of the run, and greedy decoding is their default.
    """
    models = [
        ([result], folder, recipe.output / FINAL / result.name)
        for result, folder in zip(results, folders, strict=True)
    ]
    if not method.separate:
        models = [(list(results), folders[-1], recipe.output / FINAL)]
    for parts, folder, final in models:
        metadata = dict(method.metadata(recipe, parts))
        with whole_folder(final) as unfinished:
            shutil.copytree(
                folder / FINAL,
                unfinished,
                ignore=shutil.ignore_patterns("training_args.bin", "README.md"),
                dirs_exist_ok=True,
            )
            _save_weights(recipe, method.load, unfinished)
            if method.separate:
                tokenizer = read_tokenizer(recipe.base, {})
                tokenizer.model_max_length = metadata["max_length"]
                tokenizer.save_pretrained(unfinished)
            write_json(unfinished / METADATA_FILE, {**metadata, "device_seconds": spent(parts)})
            (unfinished / "README.md").write_text(method.card(recipe, parts), encoding="utf-8")


def _save_weights(recipe: Run, load: Loader, folder: Path) -> None:
    model = load(folder, dtype=torch.bfloat16 if recipe.precision == "bf16" else torch.float32)
    if model.can_generate():
        known = model.generation_config
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            bos_token_id=known.bos_token_id,
            eos_token_id=known.eos_token_id,
            pad_token_id=known.pad_token_id,
            do_sample=False,
        )
    model.save_pretrained(folder)


def spent(results: Sequence[StageResult]) -> dict[str, float]:
    """Seconds of each kind of device, such as ``{"cuda": 7200.0}``, all devices together."""
    seconds: dict[str, float] = {}
    for result in results:
        used = result.seconds * result.processes
        seconds[result.device] = round(seconds.get(result.device, 0.0) + used, 3)
    return seconds


def _write_log(recipe: Run, results: Sequence[StageResult]) -> None:
    """Write the log of all stages, one line for each entry."""
    with (
        whole_file(recipe.output / LOG_FILE) as unfinished,
        unfinished.open("w", encoding="utf-8") as lines,
    ):
        for result in results:
            lines.writelines(json.dumps({"stage": result.name, **e}) + "\n" for e in result.log)


def _of_aligner(recipe: Recipe, results: Sequence[StageResult]) -> dict[str, Any]:
    template = EditTemplate.named(recipe.template)
    return {
        "template": template.name,
        "objectives": list(recipe.objectives or template.objectives),
    }


def _of_conditioned(
    recipe: SftRecipe | CdpoRecipe, results: Sequence[StageResult]
) -> dict[str, Any]:
    return {
        "method": recipe.method,
        "base": recipe.base,
        "data": recipe.template,
        "prompt_prefix": SCHEMES[recipe.template].prompt(""),
    }


def _of_morlhf(recipe: MorlhfRecipe, results: Sequence[StageResult]) -> dict[str, Any]:
    return {
        "method": recipe.method,
        "base": recipe.base,
        "objectives": recipe.weights,
        "rewards": recipe.rewards,
    }


def _of_reward_model(recipe: RewardModelRecipe, results: Sequence[StageResult]) -> dict[str, Any]:
    return {
        "method": recipe.method,
        "objective": results[0].name,
        "response_only": False,
        "max_length": recipe.max_length,
    }


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "aligner": Method(prepare_aligner, _of_aligner, aligner_card),
        "sft": Method(prepare_sft, _of_conditioned, baseline_card),
        "cdpo": Method(prepare_cdpo, _of_conditioned, baseline_card),
        "reward-model": Method(
            prepare_reward_model, _of_reward_model, reward_card, load_reward_model, separate=True
        ),
        "morlhf": Method(prepare_morlhf, _of_morlhf, baseline_card),
    }
)
"""The methods of training, by the ``method`` of their recipes."""
