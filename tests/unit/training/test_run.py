"""The folder of a run: whose it is, and what stands in it at which time."""

import json
from pathlib import Path

import pytest

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training import run
from langchain_metaaligner.training.baselines import RECIPES
from langchain_metaaligner.training.recipe_file import load_recipe

MINIATURES = Path(__file__).parents[3] / "recipes" / "miniature"


@pytest.fixture
def recipe(tmp_path):
    data = tmp_path / "train.json"
    data.touch()
    changes = [f"output={tmp_path / 'run'}", f"train={data}", "eval=null", "base=none"]
    return load_recipe(MINIATURES / "sft.yaml", changes)


def test_every_recipe_has_its_method():
    assert set(run.METHODS) == set(RECIPES)


def test_the_recipe_is_written_down_and_another_one_refused(recipe):
    with run.claimed(recipe) as writes:
        assert writes
    assert json.loads((recipe.output / "recipe.json").read_text())["method"] == "sft"
    with run.claimed(recipe):
        pass
    with (
        pytest.raises(RecipeError, match="holds a run of another recipe"),
        run.claimed(recipe.model_copy(update={"seed": 7})),
    ):
        pass


def test_a_run_begun_before_there_was_a_setting_goes_on(recipe):
    path = recipe.output / "recipe.json"
    with run.claimed(recipe):
        settings = json.loads(path.read_text())
    del settings["adam_beta2"]
    path.write_text(json.dumps(settings))
    with run.claimed(recipe):
        pass
    with (
        pytest.raises(RecipeError, match="another recipe"),
        run.claimed(recipe.model_copy(update={"adam_beta2": 0.5})),
    ):
        pass


def test_a_torn_recipe_is_one_sentence(recipe):
    recipe.output.mkdir()
    (recipe.output / "recipe.json").write_text('{"base": ')
    with pytest.raises(RecipeError, match=r"recipe\.json is no JSON"), run.claimed(recipe):
        pass
