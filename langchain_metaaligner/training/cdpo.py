"""CDPO over TRL's ``DPOTrainer``: the objectives live in the data.

A prompt names the highest rewards, and of two answers that is the chosen one whose own rewards
are nearer to them (section 10.2 of the research code's behaviour; ``MODPO`` in its tables).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from transformers import AutoModelForCausalLM
from trl import DPOConfig, DPOTrainer

from langchain_metaaligner.data.baselines import SCHEMES
from langchain_metaaligner.models.load import read
from langchain_metaaligner.models.spec import CheckpointSpec
from langchain_metaaligner.training.baseline import publish_baseline
from langchain_metaaligner.training.preference_pairs import read_comparisons, tokenise_apart
from langchain_metaaligner.training.recipe import CdpoRecipe
from langchain_metaaligner.training.run_folder import TrainingReport, claimed, save
from langchain_metaaligner.training.stages import (
    FINAL,
    Prepared,
    arguments,
    lora_config,
    make_ready,
    run_stage,
)


def train_cdpo(recipe: CdpoRecipe) -> TrainingReport:
    """Train a model on pairs, from the SFT model that is also its reference; see `train`."""
    folder = recipe.output / "1-cdpo"
    load = AutoModelForCausalLM.from_pretrained
    with claimed(recipe) as writes:
        result = run_stage(
            "cdpo",
            folder,
            partial(_prepare, recipe, folder),
            partial(save, recipe=recipe, source=recipe.base, folder=folder, load=load),
        )
        if writes:
            told = {"data": recipe.template, "prompt_prefix": SCHEMES[recipe.template].prompt("")}
            publish_baseline(recipe, result, folder, told)
    return TrainingReport(recipe.output / FINAL, [result])


def _prepare(recipe: CdpoRecipe, folder: Path) -> Prepared:
    spec = CheckpointSpec(model=recipe.base, device="cpu", dtype="float32").resolved()
    model, tokenizer = read(spec)
    make_ready(tokenizer, recipe.base)
    pairs = read_comparisons(recipe.train)
    train = tokenise_apart(pairs, tokenizer, recipe.max_length)
    held = recipe.eval and tokenise_apart(
        read_comparisons(recipe.eval), tokenizer, recipe.max_length
    )
    trainer = DPOTrainer(
        model=model.train(),
        args=DPOConfig(
            beta=recipe.beta,
            loss_type=["sigmoid"],
            max_length=recipe.max_length,
            **arguments(recipe, recipe, folder),
        ),
        train_dataset=pairs.select([0]),
        eval_dataset=pairs.select([0]) if held else None,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, "CAUSAL_LM"),
    )
    # By itself it tokenises prompt and answer together, which merges tokens where they meet.
    trainer.train_dataset = train.rows
    if held:
        trainer.eval_dataset = held.rows
    return Prepared(trainer, len(train.rows), train.too_long)
