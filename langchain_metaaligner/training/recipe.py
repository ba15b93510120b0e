"""Recipes: everything that a training run is made of, for an aligner and for each baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from langchain_metaaligner.errors import ObjectiveError, RecipeError
from langchain_metaaligner.objectives import known_objective, parse_objective

#: The stages of section 3.2.2, in their order.
STAGES = ("warm_up", "equal", "contrastive")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    """What is trained on, and for how long.

    Attributes:
        train: the examples; which form they have depends on the method.
        eval: the same for the evaluation loss; None evaluates nothing.
        epochs: how often all examples are seen.
        max_steps: optimizer steps, in place of ``epochs``.
    """

    train: Path
    eval: Path | None = None
    epochs: float = Field(1.0, gt=0)
    max_steps: int | None = Field(None, gt=0)


class Stage(Data):
    """One stage of an aligner: its data, and what differs from the recipe's settings.

    The examples are a research JSON, JSON lines of ``prompt`` and ``completion``, or a split of a
    `datasets` folder (``DIR/datasets/no_equal_train``).

    Attributes:
        learning_rate: in place of the recipe's.
    """

    epochs: float = Field(2.0, gt=0)
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


class Run(_Strict):
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
    batch_size: int = Field(2, gt=0)
    accumulation: int = Field(64, gt=0)
    learning_rate: float = Field(1e-5, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    max_grad_norm: float = Field(1.0, gt=0)
    warm_up_ratio: float = Field(0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    gradient_checkpointing: bool = True
    compile: bool = False
    log_steps: int = Field(10, gt=0)
    eval_steps: int = Field(49, gt=0)
    save_steps: int = Field(49, gt=0)
    keep_checkpoints: int = Field(20, gt=0)
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
    max_length: int = Field(4096, gt=0)
    group_by_length: bool = False
    packing: bool = False
    departure_weight: float = Field(1.0, gt=0)

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


class SftRecipe(Run, Data):
    """Reward-conditioned SFT, stage 1 of Rewards-in-Context: prompts that name their rewards.

    The defaults are those of the research README; the examples are as those of an aligner's stage.

    Attributes:
        template: of the data; decides which rewards are asked for when the model answers.
        max_length: tokens of prompt and answer; longer examples are left out and counted.
        group_by_length: batches of examples of alike lengths, with less padding.
        packing: several examples in one row of ``max_length`` tokens.
    """

    method: Literal["sft"]
    template: Literal["HH-RLHF", "UltraFeedback"]
    epochs: float = Field(3.0, gt=0)
    batch_size: int = Field(4, gt=0)
    max_length: int = Field(4096, gt=0)
    group_by_length: bool = False
    packing: bool = False

    def data(self) -> Mapping[str, Data]:
        """The one part."""
        return {self.method: self}


class CdpoRecipe(Run, Data):
    """CDPO: DPO on pairs that are ordered by their distance to the rewards that the prompt names.

    The reference is ``base``, the model that reward-conditioned SFT gave. The defaults are those
    of the research README, for four devices. The pairs are CSV files of ``queries``,
    ``chosen_responses`` and ``reject_responses``, JSON lines of ``prompt``, ``chosen`` and
    ``rejected``, or a split of a `datasets` folder with such columns.

    Attributes:
        template: of the data; decides which rewards are asked for when the model answers.
        beta: how close the model stays to its reference.
        max_length: tokens of prompt and longer answer; longer pairs are left out and counted.
    """

    method: Literal["cdpo"]
    template: Literal["HH-RLHF", "UltraFeedback"]
    beta: float = Field(0.1, gt=0)
    max_length: int = Field(4096, gt=0)
    accumulation: int = Field(16, gt=0)
    learning_rate: float = Field(5e-7, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    adam_beta2: float = Field(0.95, gt=0, lt=1)
    warm_up_ratio: float = Field(0.03, ge=0, lt=1)

    def data(self) -> Mapping[str, Data]:
        """The one part."""
        return {self.method: self}


class RewardModelRecipe(Run):
    """A reward model for each objective, by the pairwise loss.

    The defaults are those of the research README, for four devices, but for the length: GPT-2 has
    1,024 positions. The pairs are as those of CDPO.

    Attributes:
        objectives: the data of each objective, by the objective's name.
        max_length: tokens of prompt and longer answer; longer pairs are left out and counted.
    """

    method: Literal["reward-model"]
    base: str = "openai-community/gpt2-large"
    objectives: dict[str, Data] = Field(min_length=1)
    max_length: int = Field(1024, gt=0)
    batch_size: int = Field(4, gt=0)
    accumulation: int = Field(8, gt=0)
    learning_rate: float = Field(9e-6, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    adam_beta2: float = Field(0.95, gt=0, lt=1)
    warm_up_ratio: float = Field(0.03, ge=0, lt=1)

    @model_validator(mode="after")
    def _known_objectives(self) -> RewardModelRecipe:
        object.__setattr__(self, "objectives", _by_objective(self.objectives))
        return self

    def data(self) -> Mapping[str, Data]:
        """The parts, one for each objective."""
        return self.objectives


class MorlhfRecipe(Run, Data):
    """MORLHF: reinforcement learning on the weighted sum of several rewards (RLOO in TRL).

    ``train`` holds the prompts, each used once: a CSV file with a column ``prompt``, ``query`` or
    ``queries``, JSON lines of ``prompt``, or a split of a `datasets` folder. A step of the
    optimizer sees ``batch_size`` x ``accumulation`` x processes answers, ``num_generations`` to
    each prompt. The defaults are the research's where RLOO has the same setting.

    Attributes:
        rewards: for each objective a folder or Hub id of its reward model; None is for a scorer
            that is given in Python (`train_morlhf`).
        weights: of the objectives; by default the paper's 1/n. The research rounds to 0.33, 0.25.
        decimals: to which each reward is rounded; None does not round. The research has 1.
        beta: weight of the KL divergence from ``base`` in the reward.
        num_generations: answers to one prompt, which are each other's baseline.
        max_prompt_tokens: longer prompts are left out and counted.
        max_new_tokens: of an answer.
        temperature: of sampling.
    """

    method: Literal["morlhf"]
    rewards: dict[str, str | None] = Field(min_length=1)
    weights: dict[str, float] = Field(default_factory=dict)
    decimals: int | None = Field(None, ge=0)
    beta: float = Field(0.2, ge=0)
    num_generations: int = Field(2, ge=2)
    max_prompt_tokens: int = Field(256, gt=0)
    max_new_tokens: int = Field(128, gt=0)
    temperature: float = Field(0.7, gt=0)
    max_grad_norm: float = Field(0.5, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warm_up_ratio: float = Field(0.0, ge=0, lt=1)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "constant_with_warmup"

    @model_validator(mode="after")
    def _known_objectives(self) -> MorlhfRecipe:
        rewards, weights = _by_objective(self.rewards), _by_objective(self.weights)
        if weights and set(weights) != set(rewards):
            raise RecipeError(
                f"weights are given for {', '.join(weights)}, rewards for {', '.join(rewards)}. "
                "Give one weight for each of the rewards, or no weights at all: 1/n each."
            )
        if self.eval is not None:
            raise RecipeError(
                f"eval={str(self.eval)!r} was given, but MORLHF has no evaluation loss: its scores "
                "are in the training log. Leave it out."
            )
        object.__setattr__(self, "rewards", rewards)
        shares = {name: weights.get(name, 1 / len(rewards)) for name in rewards}
        object.__setattr__(self, "weights", shares)
        return self

    def data(self) -> Mapping[str, Data]:
        """The one part."""
        return {self.method: self}


AnyRecipe = Recipe | SftRecipe | CdpoRecipe | RewardModelRecipe | MorlhfRecipe

#: The recipe of each method.
RECIPES: Mapping[str, type[AnyRecipe]] = MappingProxyType(
    {
        "aligner": Recipe,
        "sft": SftRecipe,
        "cdpo": CdpoRecipe,
        "reward-model": RewardModelRecipe,
        "morlhf": MorlhfRecipe,
    }
)


def _by_objective(given: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the keys to the objectives' own names, whichever alias they were given by."""
    named: dict[str, Any] = {}
    for key, value in given.items():
        known = known_objective(key)
        try:
            name = known.name if known else parse_objective(key).name
        except ObjectiveError as error:
            raise RecipeError(str(error)) from None
        if name in named:
            raise RecipeError(f"The objective {name} is given twice, the second time as {key!r}.")
        named[name] = value
    return named
