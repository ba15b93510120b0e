"""The model cards of what was trained."""

from pathlib import Path

import pytest

from langchain_metaaligner.training.card import aligner_card, baseline_card, reward_card
from langchain_metaaligner.training.recipe_file import load_recipe
from langchain_metaaligner.training.stages import StageResult

MINIATURES = Path(__file__).parents[3] / "recipes" / "miniature"


def result(name):
    return StageResult(name, 1200, 3, 8, 1.25, None, 2.0, 1, "cpu", [])


def recipe_of(name, *changes):
    return load_recipe(MINIATURES / f"{name}.yaml", changes)


def test_an_aligner_names_its_template_objectives_and_stages():
    recipe = recipe_of("full", "base=some/llama", "stages.contrastive.train=pairs.json")
    card = aligner_card(recipe, [result("contrastive")])
    assert "# A MetaAligner for HH-RLHF" in card
    assert "for the objectives harmless, helpful, humor." in card
    assert "| contrastive | pairs.json | 1,200 | 3 | 8 | 1.2500 |  |" in card
    assert "Full fine-tuning" in card


@pytest.mark.parametrize("method", ["sft", "cdpo"])
def test_a_conditioned_baseline_says_how_it_is_asked(method):
    card = baseline_card(recipe_of(method, "train=a.csv"), [result(method)])
    assert "Each prompt begins with `<Harmlessness>: 4.19; <Helpfulness>: 3.03; " in card
    assert "pipeline_tag: text-generation" in card


def test_a_rewarded_policy_says_for_what():
    card = baseline_card(recipe_of("morlhf", "train=a.csv"), [result("morlhf")])
    assert "Prompts are as they are.\nIts reward was 0.5 harmless + 0.5 humor, less " in card


def test_a_reward_model_is_a_classifier_of_one_objective():
    recipe = recipe_of("reward-model", "objectives.humor.train=humor.csv")
    card = reward_card(recipe, [result("humor")])
    assert "# A reward model for humor" in card
    assert "pipeline_tag: text-classification" in card
    assert "| humor | humor.csv |" in card
