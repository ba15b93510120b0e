"""Recipes of the baselines: the research's settings, and what is refused before training."""

from pathlib import Path

import pytest

from langchain_metaaligner.data.schemes import SCHEMES
from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training import train, train_morlhf
from langchain_metaaligner.training.recipe_file import load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"
MINIATURES = RECIPES / "miniature"
SETS = ("hh-rlhf", "ultrafeedback")


def recipe_of(name, method):
    return load_recipe(RECIPES / f"{name}-{method}.yaml")


@pytest.mark.parametrize(("name", "steps"), [("hh-rlhf", 111), ("ultrafeedback", 66)])
def test_sft_has_the_readmes_settings(name, steps):
    recipe = recipe_of(name, "sft")
    assert recipe.batch_size * recipe.accumulation * 2 == 512
    assert (recipe.epochs, recipe.eval_steps, recipe.save_steps) == (3, steps, steps)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.warm_up_ratio) == (1e-5, 1e-5, 0.05)
    assert (recipe.schedule, recipe.precision, recipe.max_length) == ("cosine", "bf16", 4096)
    assert recipe.template.lower() == name


@pytest.mark.parametrize("name", SETS)
def test_cdpo_has_the_readmes_settings(name):
    recipe = recipe_of(name, "cdpo")
    assert recipe.base == f"{recipe_of(name, 'sft').output}/final"
    assert (recipe.beta, recipe.learning_rate, recipe.epochs) == (0.1, 5e-7, 1)
    assert recipe.batch_size * recipe.accumulation * 4 == 128
    assert (recipe.adam_beta2, recipe.warm_up_ratio, recipe.weight_decay) == (0.95, 0.03, 0)
    assert (recipe.max_length, recipe.precision) == (4096, "bf16")


@pytest.mark.parametrize(
    ("name", "objectives", "weight"),
    [
        ("hh-rlhf", ["harmless", "helpful", "humor"], 0.33),
        ("ultrafeedback", ["instruction_following", "honest", "truthful", "helpful"], 0.25),
    ],
)
def test_rewards_have_the_researchs_settings(name, objectives, weight):
    models = recipe_of(name, "reward-model")
    assert models.base == "openai-community/gpt2-large"
    assert list(models.objectives) == objectives
    assert all(data.epochs == 1 for data in models.objectives.values())
    assert (models.learning_rate, models.max_length, models.batch_size) == (9e-6, 1024, 4)
    assert (models.adam_beta2, models.warm_up_ratio) == (0.95, 0.03)

    recipe = recipe_of(name, "morlhf")
    assert recipe.rewards == {one: f"{models.output}/final/{one}" for one in objectives}
    assert recipe.weights == dict.fromkeys(objectives, weight)
    assert weight == round(1 / len(objectives), 2)
    assert (recipe.lora.rank, recipe.lora.alpha, recipe.lora.dropout) == (64, 128, 0.05)
    assert (recipe.beta, recipe.temperature, recipe.max_grad_norm) == (0.2, 0.7, 0.5)
    assert (recipe.learning_rate, recipe.seed, recipe.decimals) == (1e-5, 8888, 1)
    prompts = recipe.batch_size * recipe.accumulation / recipe.num_generations
    assert (prompts, recipe.max_prompt_tokens) == (64, 256)


def test_weights_are_the_papers_by_default(tmp_path):
    text = (MINIATURES / "morlhf.yaml").read_text()
    path = tmp_path / "recipe.yaml"
    path.write_text(text.replace("weights:\n  harmless: 0.5\n  humor: 0.5\n", ""))
    recipe = load_recipe(path, ["rewards.helpful=c"])
    assert recipe.weights == dict.fromkeys(("harmless", "humor", "helpful"), 1 / 3)


def test_an_objective_may_be_called_by_any_of_its_names():
    recipe = load_recipe(MINIATURES / "reward-model.yaml", ["objectives.IF.train=a.csv"])
    assert list(recipe.objectives) == ["harmless", "humor", "instruction_following"]


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("cdpo", "bta=1", r"unknown key 'bta'\. Did you mean 'beta'\?"),
        ("sft", "stages.equal.train=a", r"unknown key 'stages'"),
        ("sft", "template=IMHI", r"template = 'IMHI' cannot be used"),
        ("morlhf", "num_generation=4", r"Did you mean 'num_generations'\?"),
        ("morlhf", "num_generations=1", r"num_generations = 1 cannot be used"),
        ("morlhf", "eval=a.csv", r"MORLHF has no evaluation loss"),
        ("morlhf", "weights.helpful=0.5", r"weights are given for harmless, humor, helpful, rew"),
        ("morlhf", "rewards.humour=x", r"The objective humor is given twice"),
        ("morlhf", "rewards.harmles=x", r"Unknown objective 'harmles'\. Did you mean 'harmless'\?"),
        ("reward-model", "objectives.helpful.trian=x", r"Did you mean 'train'\?"),
        ("reward-model", "objectives.helpfull.train=x", r"Did you mean 'helpful'\?"),
        ("reward-model", "method=reward", r"method = 'reward' is unknown\. Did you mean 'reward-m"),
    ],
)
def test_what_is_wrong_is_named(method, change, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(MINIATURES / f"{method}.yaml", [change])


def test_answers_that_do_not_make_whole_groups_are_refused(tmp_path):
    changes = [f"output={tmp_path / 'run'}", "num_generations=3", "batch_size=4"]
    recipe = load_recipe(MINIATURES / "morlhf.yaml", changes)
    scorers = dict.fromkeys(("harmless", "humor"), lambda pairs: [0.0] * len(pairs))
    with pytest.raises(RecipeError, match=r"= 4 answers, which num_generations=3 does not divide"):
        train_morlhf(recipe, scorers)
    with pytest.raises(RecipeError, match=r"for 'humr', which .* Did you mean 'humor'\?"):
        train_morlhf(recipe, {"humr": lambda pairs: []})
    assert not (tmp_path / "run").exists()


def test_reward_models_that_are_not_there_are_refused(tmp_path):
    change = f"rewards.humor={tmp_path / 'none'}"
    recipe = load_recipe(MINIATURES / "morlhf.yaml", [f"output={tmp_path / 'run'}", change])
    scorers = {"harmless": lambda pairs: [0.0] * len(pairs)}
    with pytest.raises(RecipeError, match="where there is no reward model"):
        train_morlhf(recipe, scorers)
    assert not (tmp_path / "run").exists()


def test_published_reward_models_of_other_objectives_are_refused(tmp_path):
    change = "rewards.humor=Ray2333/gpt2-large-helpful-reward_model"
    recipe = load_recipe(MINIATURES / "morlhf.yaml", [f"output={tmp_path / 'run'}", change])
    scorers = {"harmless": lambda pairs: [0.0] * len(pairs)}
    with pytest.raises(RecipeError, match="was trained for helpful, but is to score humor"):
        train_morlhf(recipe, scorers)


def test_missing_data_are_named_before_anything_is_loaded(tmp_path):
    train_file = tmp_path / "there.csv"
    train_file.touch()
    changes = [f"output={tmp_path / 'run'}", f"train={train_file}", f"eval={tmp_path / 'no.csv'}"]
    with pytest.raises(RecipeError, match=r"There is no .*no\.csv, which is to be eval of cdpo"):
        train(load_recipe(MINIATURES / "cdpo.yaml", changes))


def test_the_targets_are_those_of_the_research(golden_real):
    for case in golden_real("sft_inference_prompts"):
        path, query = case["input"]["data_dir"], case["input"]["query"]
        named = [scheme.prompt("") for name, scheme in SCHEMES.items() if name in path]
        wanted = named[0] + query if named else {"error": "UnboundLocalError"}
        assert case["expected"] == wanted
