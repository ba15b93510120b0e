"""Recipes: every shipped one is valid, and what is wrong is named."""

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training.recipe import STAGES, Recipe
from langchain_metaaligner.training.recipe_file import load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
FILES = [path for path in sorted(RECIPES.rglob("*.yaml")) if path.name != "fsdp2.yaml"]
TINY = RECIPES / "miniature" / "full.yaml"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path):
    recipe = load_recipe(path)
    if isinstance(recipe, Recipe):
        assert list(recipe.stages) == [name for name in STAGES if name in recipe.stages]


@pytest.mark.parametrize("size", ["1.1b", "7b", "13b"])
@pytest.mark.parametrize(
    ("name", "batch"), [("hh-rlhf", 512), ("ultrafeedback", 512), ("imhi", 128)]
)
def test_the_papers_settings(name, size, batch):
    recipe = load_recipe(RECIPES / f"{name}-{size}.yaml")
    assert recipe.batch_size * recipe.accumulation * 4 == batch
    assert recipe.max_length == (2048 if size == "1.1b" else 4096)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.warm_up_ratio) == (1e-5, 1e-5, 0.05)
    assert (recipe.schedule, recipe.precision, recipe.lora) == ("cosine", "bf16", None)
    assert recipe.stages["contrastive"].epochs == 2
    assert recipe.template.lower() == name


def test_values_are_changed_from_the_command_line():
    recipe = load_recipe(
        TINY, ["seed=7", "stages.contrastive.learning_rate=0.5", "stages.equal=null", "lora.rank=2"]
    )
    assert recipe.seed == 7
    assert recipe.stages["contrastive"].learning_rate == 0.5
    assert list(recipe.stages) == ["warm_up", "contrastive"]
    assert recipe.lora.rank == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("learning_rat=1", r"unknown key 'learning_rat'\. Did you mean 'learning_rate'\?"),
        ("stages.equals.epochs=1", r"unknown key 'stages\.equals'\. Did you mean 'equal'\?"),
        ("stages.equal.epoch=1", r"unknown key 'stages\.equal\.epoch'\. Did you mean 'epochs'\?"),
        ("lora.rnk=1", r"unknown key 'lora\.rnk'\. Did you mean 'rank'\?"),
        ("batch_size=0", r"batch_size = 0 cannot be used: .*greater than 0"),
        ("template=HH", r"template = 'HH' cannot be used"),
        ("seed", r"Write key=value"),
        ("seed.x=1", r"seed is a value, not a section"),
    ],
)
def test_what_is_wrong_is_named(change, message, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(TINY.read_text() + "seed: 1\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, [change])


def test_a_missing_key_and_a_missing_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(TINY.read_text().replace("base: build/tiny\n", ""))
    with pytest.raises(RecipeError, match=r"'base' is missing\. Add it to the file"):
        load_recipe(path)
    with pytest.raises(RecipeError, match=r"cannot be read: .*recipes/"):
        load_recipe(tmp_path / "none.yaml")
    path.write_text("- a\n")
    with pytest.raises(RecipeError, match="holds no mapping"):
        load_recipe(path)


def test_the_fsdp_config_is_one_of_accelerate():
    config = load_config_from_file(str(RECIPES / "fsdp2.yaml"))
    assert config.distributed_type == DistributedType.FSDP
    wanted = {"fsdp_version": 2, "fsdp_transformer_layer_cls_to_wrap": "LlamaDecoderLayer"}
    assert wanted.items() <= config.fsdp_config.items()
