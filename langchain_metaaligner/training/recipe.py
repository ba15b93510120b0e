"""Recipes: everything that a training run is made of, in a YAML file that is checked first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langchain_metaaligner.errors import RecipeError, nearest

#: The stages of section 3.2.2, in their order.
STAGES = ("warm_up", "equal", "contrastive")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Strict):
    """One stage: its data, and what differs from the recipe's settings.

    Attributes:
        train: a research JSON, JSON lines of ``prompt`` and ``completion``, or a split of a
            `datasets` folder (``DIR/datasets/no_equal_train``).
        eval: the same for the evaluation loss; None evaluates nothing.
        epochs: how often all examples are seen.
        max_steps: optimizer steps, in place of ``epochs``.
        learning_rate: in place of the recipe's.
    """

    train: Path
    eval: Path | None = None
    epochs: float = Field(2.0, gt=0)
    max_steps: int | None = Field(None, gt=0)
    learning_rate: float | None = Field(None, gt=0)


class Lora(_Strict):
    """Low-rank adaptation (PEFT) in place of full fine-tuning.

    Attributes:
        rank: of the update matrices.
        alpha: their scale.
        dropout: on their input.
        targets: names of the adapted layers, or ``"all-linear"``.
    """

    rank: int = Field(16, gt=0)
    alpha: int = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"


class Recipe(_Strict):
    """A training run.

    The defaults are those of the paper (Table 5) and the research README; an optimizer step sees
    ``batch_size`` x ``accumulation`` x the number of processes examples.

    Attributes:
        base: the model to start from, a Hub id or a folder.
        output: the folder of the run; ``output/final`` is the aligner.
        template: of the data; goes into the aligner's ``metaaligner.json``.
        objectives: names that the data has; by default those of the template.
        stages: one to three of ``warm_up``, ``equal`` and ``contrastive``.
        lora: None for full fine-tuning.
        precision: ``"bf16"`` trains fp32 weights in mixed precision.
        cpu: train on the CPU although there is a GPU.
        batch_size: examples in one pass on one device.
        accumulation: passes for one step of the optimizer.
        learning_rate: the highest.
        weight_decay: of the optimizer.
        warm_up_ratio: share of the steps in which the learning rate rises.
        schedule: how it falls afterwards.
        max_length: tokens of prompt and answer; longer examples are left out and counted.
        group_by_length: batches of examples of alike lengths, with less padding.
        packing: several examples in one row of ``max_length`` tokens.
        gradient_checkpointing: compute activations twice to save memory; not with FSDP's own.
        compile: run the model through ``torch.compile``.
        log_steps: steps between two lines of the training log.
        eval_steps: steps between two evaluations.
        save_steps: steps between two checkpoints to resume from.
        keep_checkpoints: how many of them stay.
        seed: of weights that start at random, and of the order of the data.
        license: of the aligner, for its model card.
    """

    base: str
    output: Path
    template: Literal["HH-RLHF", "UltraFeedback", "IMHI"]
    objectives: tuple[str, ...] | None = None
    stages: dict[Literal["warm_up", "equal", "contrastive"], Stage] = Field(min_length=1)
    lora: Lora | None = None
    precision: Literal["bf16", "fp32"] = "bf16"
    cpu: bool = False
    batch_size: int = Field(2, gt=0)
    accumulation: int = Field(64, gt=0)
    learning_rate: float = Field(1e-5, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    warm_up_ratio: float = Field(0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    max_length: int = Field(4096, gt=0)
    group_by_length: bool = False
    packing: bool = False
    gradient_checkpointing: bool = True
    compile: bool = False
    log_steps: int = Field(10, gt=0)
    eval_steps: int = Field(49, gt=0)
    save_steps: int = Field(49, gt=0)
    keep_checkpoints: int = Field(20, gt=0)
    seed: int = 42
    license: str = "other"

    @model_validator(mode="after")
    def _stages_in_order(self) -> Recipe:
        ordered = {name: self.stages[name] for name in STAGES if name in self.stages}
        object.__setattr__(self, "stages", ordered)
        return self


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and change some of its values.

    Args:
        path: a YAML file.
        overrides: ``key=value`` with dots into sections, such as ``stages.equal.epochs=1``; the
            value is read as YAML, and ``null`` takes a section out.

    Raises:
        RecipeError: if the file cannot be read, a key is unknown or missing, or a value cannot
            work; the message names the nearest key.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(
            f"The recipe {path} cannot be read: {error}. Give a YAML file, such as one of recipes/."
        ) from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds no mapping of settings. See the files of recipes/.")
    for override in overrides:
        _override(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as report:
        raise RecipeError(f"{path}: {_message(report)}") from None


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(
            f"{override!r} changes nothing. Write key=value, such as stages.equal.epochs=1."
        )
    *path, last = key.split(".")
    section = values
    for part in path:
        if section.get(part) is None:
            section[part] = {}
        section = section[part]
        if not isinstance(section, dict):
            raise RecipeError(f"{override!r}: {part} is a value, not a section.")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{override!r}: the value is no YAML: {error}.") from error
    if section[last] is None and path:
        del section[last]


def _message(report: ValidationError) -> str:
    """Put the first problem of a report in a sentence."""
    problem = report.errors()[0]
    *path, key = [str(part) for part in problem["loc"] if part != "[key]"] or ["recipe"]
    where = ".".join([*path, key])
    allowed = _keys(path)
    if problem["type"] in ("extra_forbidden", "literal_error") and key not in allowed:
        return f"unknown key {where!r}.{nearest(key, allowed)} Known here: {', '.join(allowed)}."
    if problem["type"] == "missing":
        return f"{where!r} is missing. Add it to the file, or give {where}=VALUE."
    return f"{where} = {problem['input']!r:.100} cannot be used: {problem['msg']}."


def _keys(path: Sequence[str]) -> list[str]:
    if not path:
        return list(Recipe.model_fields)
    if path[0] == "stages":
        return list(STAGES) if len(path) == 1 else list(Stage.model_fields)
    return list(Lora.model_fields)
