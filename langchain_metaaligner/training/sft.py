"""Supervised fine-tuning over TRL: the stages of an aligner, and reward-conditioned SFT.

Reward-conditioned SFT is stage 1 of Rewards-in-Context: each prompt names the rewards that its
answer has, and at inference the model is asked for the highest (section 10 of the research code's
behaviour; ``SFT`` in the paper's tables).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig, SFTTrainer

from langchain_metaaligner.training.baselines import SftRecipe
from langchain_metaaligner.training.departures import WEIGHTS
from langchain_metaaligner.training.examples import read_pairs, tokenise
from langchain_metaaligner.training.recipe import Data, Recipe, Stage
from langchain_metaaligner.training.stages import Prepared, arguments, lora_config, trainable


def prepare_aligner(recipe: Recipe, stage: Stage, source: str, folder: Path) -> Prepared:
    """Make the trainer of an aligner's stage, with the stage's learning rate; see `prepare_sft`."""
    rate = stage.learning_rate or recipe.learning_rate
    return prepare_sft(recipe.model_copy(update={"learning_rate": rate}), stage, source, folder)


def prepare_sft(recipe: Recipe | SftRecipe, data: Data, source: str, folder: Path) -> Prepared:
    """Make the trainer for prompts and answers; the loss is on the answers alone.

    Args:
        recipe: of the run.
        data: the examples.
        source: the model to start from.
        folder: for the checkpoints.

    Raises:
        RecipeError: if the examples or the tokenizer cannot be used.
        CheckpointError: if the model cannot be loaded.
    """
    model, tokenizer = trainable(source)
    weight = recipe.departure_weight if isinstance(recipe, Recipe) else 1.0
    train = tokenise(read_pairs(data.train), tokenizer, recipe.max_length, weight)
    evaluation = data.eval and tokenise(read_pairs(data.eval), tokenizer, recipe.max_length, weight)
    options = arguments(recipe, data, folder)
    if recipe.group_by_length:
        options["train_sampling_strategy"] = "group_by_length"
    trainer = (SFTTrainer if weight == 1 else DepartureTrainer)(
        model=model,
        args=SFTConfig(
            max_length=recipe.max_length,
            completion_only_loss=True,
            packing=recipe.packing,
            remove_unused_columns=weight == 1,  # the weights are a column of their own
            **options,
        ),
        train_dataset=train.rows,
        eval_dataset=evaluation.rows if evaluation else None,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, "CAUSAL_LM"),
    )
    return Prepared(trainer, len(train.rows), train.too_long)


class DepartureTrainer(SFTTrainer):
    """Supervised fine-tuning in which each token counts by the weight in its row.

    Its ``args`` must leave the columns of the rows alone (``remove_unused_columns=False``).
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._collate, self.data_collator = self.data_collator, self._with_weights

    def _with_weights(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = self._collate(rows)
        weights = torch.zeros(batch["labels"].shape)
        for line, row in zip(weights, rows, strict=True):
            line[: len(row[WEIGHTS])] = torch.tensor(row[WEIGHTS])
        return {**batch, WEIGHTS: weights}

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The weighted mean over the tokens of all answers.

        The weights of an example are 1 on average, so that all examples count by their length as
        they do without weights, over any number of accumulated passes and processes.
        """
        weights, labels = inputs[WEIGHTS][:, 1:], inputs["labels"][:, 1:]
        others = {key: value for key, value in inputs.items() if key not in (WEIGHTS, "labels")}
        outputs = model(**others, use_cache=False)
        losses = torch.nn.functional.cross_entropy(
            outputs.logits[:, :-1].float().transpose(1, 2), labels, reduction="none"
        )
        count = (labels != -100).sum() if num_items_in_batch is None else num_items_in_batch
        loss = (losses * weights).sum() / torch.as_tensor(count).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss
