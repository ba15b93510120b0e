"""The trainer of one objective's reward model."""

import pytest
import torch

from langchain_metaaligner.errors import CheckpointError, RecipeError
from langchain_metaaligner.training.reward_model import prepare_reward_model


@pytest.fixture
def make_run(make_recipe, comparisons, tmp_path):
    def run(*changes):
        objectives = f"objectives={{harmless: {{train: {comparisons}, max_steps: 2}}}}"
        recipe = make_recipe("reward-model", objectives, *changes)
        data = recipe.objectives["harmless"]
        return prepare_reward_model(recipe, data, recipe.base, tmp_path / "run")

    return run


def test_one_number_for_a_pair_in_full_precision(make_run):
    trainer, examples, too_long = make_run()
    assert (examples, too_long) == (4, 0)
    assert trainer.model.config.num_labels == 1
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}


def test_more_tokens_than_the_base_has_positions_for(make_run):
    with pytest.raises(RecipeError, match=r"max_length=512, but .* has 256 positions"):
        make_run("max_length=512")


def test_a_base_that_is_not_there(make_run, tmp_path):
    with pytest.raises(CheckpointError):
        make_run(f"base={tmp_path / 'absent'}")
