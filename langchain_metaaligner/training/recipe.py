"""What every training run is made of, and the recipe of an aligner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from langchain_metaaligner.errors import RecipeError

#: The stages of section 3.2.2, in their order.
STAGES = ("warm_up", "equal", "contrastive")


class Settings(BaseModel):
    """Settings that are fixed once they are read, and of which an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Settings):
    """What is trained on, and for how long.

    Attributes:
        train: the examples; which form they have depends on the method.
        eval: the same for the evaluation loss; None evaluates nothing.
        epochs: how often all examples are seen.
        max_steps: optimizer steps, in place of ``epochs``.
    """

    train: Path
    eval: Path | None = None
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, gt=0)


class Stage(Data):
    """One stage of an aligner: its data, and what differs from the recipe's settings.

    The examples are a research JSON, JSON lines of ``prompt`` and ``completion``, or a split of a
    `datasets` folder (``DIR/datasets/no_equal_train``).

    Attributes:
        learning_rate: in place of the recipe's.
    """

    epochs: float = Field(default=2.0, gt=0)
    learning_rate: float | None = Field(default=None, gt=0)


class Lora(Settings):
    """Low-rank adaptation (PEFT) in place of full fine-tuning.

    Attributes:
        rank: of the update matrices.
        alpha: their scale.
        dropout: on their input.
        targets: names of the adapted layers, or ``"all-linear"``.
    """

    rank: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"


class Run(Settings):
    """What the recipes of all methods have in common.

    An optimizer step sees ``batch_size`` x ``accumulation`` x the number of processes examples.

    Attributes:
        base: the model to start from, a Hub id or a folder.
        output: the folder of the run; ``output/final`` is what comes of it.
        lora: None for full fine-tuning.
        precision: ``"bf16"`` trains fp32 weights in mixed precision.
        cpu: train on the CPU although there is a GPU.
        batch_size: examples in one pass on one device.
        accumulation: passes for one step of the optimizer.
        learning_rate: the highest.
        weight_decay: of the optimizer.
        adam_beta2: of the optimizer.
        max_grad_norm: gradients are scaled down to this norm.
        warm_up_ratio: share of the steps in which the learning rate rises.
        schedule: how it falls afterwards.
        gradient_checkpointing: compute activations twice to save memory; not with FSDP's own.
        compile: run the model through ``torch.compile``.
        log_steps: steps between two lines of the training log.
        eval_steps: steps between two evaluations.
        save_steps: steps between two checkpoints to resume from.
        keep_checkpoints: how many of them stay.
        seed: of weights that start at random, of the order of the data, and of sampling.
        license: of the trained model, for its model card.
    """

    base: str
    output: Path
    lora: Lora | None = None
    precision: Literal["bf16", "fp32"] = "bf16"
    cpu: bool = False
    batch_size: int = Field(default=2, gt=0)
    accumulation: int = Field(default=64, gt=0)
    learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    warm_up_ratio: float = Field(default=0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    gradient_checkpointing: bool = True
    compile: bool = False
    log_steps: int = Field(default=10, gt=0)
    eval_steps: int = Field(default=49, gt=0)
    save_steps: int = Field(default=49, gt=0)
    keep_checkpoints: int = Field(default=20, gt=0)
    seed: int = 42
    license: str = "other"

    def data(self) -> Mapping[str, Data]:
        """The data of each part of the run, by the part's name."""
        raise NotImplementedError


class Recipe(Run):
    """An aligner, in one to three stages (section 3.2.2).

    The defaults are those of the paper (Table 5) and the research README.

    Attributes:
        template: of the data; goes into the aligner's ``metaaligner.json``.
        objectives: names that the data has; by default those of the template.
        stages: one to three of ``warm_up``, ``equal`` and ``contrastive``.
        max_length: tokens of prompt and answer; longer examples are left out and counted.
        group_by_length: batches of examples of alike lengths, with less padding.
        packing: several examples in one row of ``max_length`` tokens.
        departure_weight: how much a token counts in the loss at which the edit departs from its
            draft, beside any other; 1 is the paper's loss. Nearly all of an edit is copied: 3 to 8
            teach a small model sooner where to change something. Not with ``packing``.
    """

    method: Literal["aligner"] = "aligner"
    template: Literal["HH-RLHF", "UltraFeedback", "IMHI"]
    objectives: tuple[str, ...] | None = None
    stages: dict[Literal["warm_up", "equal", "contrastive"], Stage] = Field(min_length=1)
    max_length: int = Field(default=4096, gt=0)
    group_by_length: bool = False
    packing: bool = False
    departure_weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _weights_of_whole_rows(self) -> Recipe:
        if self.packing and self.departure_weight != 1:
            raise RecipeError(
                f"departure_weight={self.departure_weight} and packing=true were both given, but "
                "the weights are those of one example a row. Leave one of them out."
            )
        return self

    @model_validator(mode="after")
    def _stages_in_order(self) -> Recipe:
        ordered = {name: self.stages[name] for name in STAGES if name in self.stages}
        object.__setattr__(self, "stages", ordered)
        return self

    def data(self) -> Mapping[str, Data]:
        """The stages."""
        return {str(name): stage for name, stage in self.stages.items()}
