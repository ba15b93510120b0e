"""The trainer of CDPO: its pairs stay as they were tokenised, prompt and answers apart."""

import math

import pytest

from langchain_metaaligner.models.tokens import prompt_ids
from langchain_metaaligner.training.cdpo import prepare_cdpo


def test_the_pairs_are_tokenised_apart(make_recipe, comparisons, tmp_path, base):
    recipe = make_recipe("cdpo", f"train={comparisons}", f"eval={comparisons}")
    trainer, examples, too_long = prepare_cdpo(recipe, recipe, base, tmp_path / "run")
    assert (examples, too_long) == (4, 0)
    tokenizer = trainer.processing_class
    for data in (trainer.train_dataset, trainer.eval_dataset):
        assert len(data) == 4
        for at in range(4):
            row = data[at]
            assert row["prompt_ids"] == prompt_ids(tokenizer, [f"Question {at}? "])[0]
    assert trainer.args.beta == recipe.beta


def test_only_the_adapter_learns(make_recipe, comparisons, tmp_path, base):
    recipe = make_recipe("cdpo", f"train={comparisons}", "eval=null")
    trainer, _, _ = prepare_cdpo(recipe, recipe, base, tmp_path / "run")
    learning = [name for name, weight in trainer.model.named_parameters() if weight.requires_grad]
    assert learning
    assert all("lora_" in name for name in learning)
    assert trainer.eval_dataset is None


def test_a_step_prefers_the_better_answer(make_recipe, comparisons, tmp_path, base):
    """At first the policy is its own reference: the loss is log 2; training lowers it."""
    recipe = make_recipe("cdpo", f"train={comparisons}", "eval=null", "max_steps=6")
    trainer, _, _ = prepare_cdpo(recipe, recipe, base, tmp_path / "run")
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses[-1] < losses[0]
