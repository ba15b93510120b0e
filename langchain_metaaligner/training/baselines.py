"""The recipes of what an aligner is compared with: SFT, CDPO, reward models and MORLHF."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from langchain_metaaligner.errors import ObjectiveError, RecipeError
from langchain_metaaligner.objectives import known_objective, parse_objective
from langchain_metaaligner.training.recipe import Data, Recipe, Run


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
    epochs: float = Field(default=3.0, gt=0)
    batch_size: int = Field(default=4, gt=0)
    max_length: int = Field(default=4096, gt=0)
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
    beta: float = Field(default=0.1, gt=0)
    max_length: int = Field(default=4096, gt=0)
    accumulation: int = Field(default=16, gt=0)
    learning_rate: float = Field(default=5e-7, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    adam_beta2: float = Field(default=0.95, gt=0, lt=1)
    warm_up_ratio: float = Field(default=0.03, ge=0, lt=1)

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
    max_length: int = Field(default=1024, gt=0)
    batch_size: int = Field(default=4, gt=0)
    accumulation: int = Field(default=8, gt=0)
    learning_rate: float = Field(default=9e-6, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    adam_beta2: float = Field(default=0.95, gt=0, lt=1)
    warm_up_ratio: float = Field(default=0.03, ge=0, lt=1)

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
    decimals: int | None = Field(default=None, ge=0)
    beta: float = Field(default=0.2, ge=0)
    num_generations: int = Field(default=2, ge=2)
    max_prompt_tokens: int = Field(default=256, gt=0)
    max_new_tokens: int = Field(default=128, gt=0)
    temperature: float = Field(default=0.7, gt=0)
    max_grad_norm: float = Field(default=0.5, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    warm_up_ratio: float = Field(default=0.0, ge=0, lt=1)
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
