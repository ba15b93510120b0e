"""MORLHF: what is refused before anything is loaded, and what the policy is rewarded for."""

import pytest

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training.morlhf import check_run, prepare_morlhf

BOTH = "rewards={harmless: null, humor: null}"


def none(pairs):
    return [0.0] * len(pairs)


SCORERS = {"harmless": none, "humor": none}


@pytest.fixture
def recipe(make_recipe, prompts):
    return make_recipe("morlhf", f"train={prompts}", BOTH)


def test_a_run_that_can_work(recipe):
    check_run(recipe, SCORERS, 1)


def test_a_scorer_without_a_reward_is_named_with_its_neighbour(recipe):
    with pytest.raises(RecipeError, match=r"'humour', .*humor"):
        check_run(recipe, {**SCORERS, "humour": none}, 1)


def test_a_reward_without_a_scorer(recipe):
    with pytest.raises(RecipeError, match=r"rewards\.humor is null"):
        check_run(recipe, {"harmless": none}, 1)


def test_answers_come_in_whole_groups_over_all_processes(make_recipe, prompts):
    recipe = make_recipe(
        "morlhf", f"train={prompts}", BOTH, "batch_size=1", "accumulation=1", "num_generations=2"
    )
    check_run(recipe, SCORERS, 2)
    with pytest.raises(RecipeError, match="= 3 answers, which num_generations=2 does not divide"):
        check_run(recipe, SCORERS, 3)


def test_rewards_are_rounded_scores_of_the_first_turn(make_recipe, prompts, tmp_path, base):
    recipe = make_recipe("morlhf", f"train={prompts}", BOTH, "decimals=1")
    seen = []

    def score(pairs):
        seen.extend(pairs)
        return [0.26, -1.04]

    trainer, examples, too_long = prepare_morlhf(
        recipe, recipe, base, tmp_path / "run", {"harmless": score, "humor": none}
    )
    assert (examples, too_long) == (4, 0)
    assert [reward.__name__ for reward in trainer.reward_funcs] == ["harmless", "humor"]
    reward = trainer.reward_funcs[0]
    answers = [" Dry it.\n\nHuman: And then?", "No"]
    assert reward(prompts=["a", "b"], completions=answers) == [0.3, -1.0]
    assert seen == [("a", "Dry it."), ("b", "No")]
    assert trainer.args.reward_weights == [0.5, 0.5]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_ends_the_run(make_recipe, prompts, tmp_path, base, score):
    recipe = make_recipe("morlhf", f"train={prompts}", BOTH)
    scorers = {"harmless": lambda pairs: [score] * len(pairs), "humor": none}
    trainer, _, _ = prepare_morlhf(recipe, recipe, base, tmp_path / "run", scorers)
    with pytest.raises(RecipeError, match="The scorer of harmless gave"):
        trainer.reward_funcs[0](prompts=["a"], completions=["b"])
