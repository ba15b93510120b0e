"""Recipes of every method over a model of two layers, and their data."""

import csv
import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.training import load_recipe

MINIATURES = Path(__file__).parents[3] / "recipes" / "miniature"
ANSWERS = ("Keep it dry.", "Ask me again.", "Wherever.", "No.")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A Llama of two narrow layers with the tokenizer of the mini."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(MINI_FOLDER)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def make_recipe(tmp_path, base):
    """``make_recipe(method, *changes)``: a miniature's recipe over the base and small files."""

    def recipe(method, *changes):
        own = [f"base={base}", f"output={tmp_path / 'run'}", *changes]
        return load_recipe(MINIATURES / f"{method}.yaml", own)

    return recipe


@pytest.fixture
def dialogues(tmp_path):
    """A file of examples with answers of different lengths."""
    path = tmp_path / "dialogues.json"
    items = [
        {
            "id": number,
            "conversations": [
                {"from": "human", "value": f"Question {number}? "},
                {"from": "gpt", "value": answer},
            ],
        }
        for number, answer in enumerate(ANSWERS)
    ]
    path.write_text(json.dumps(items))
    return path


@pytest.fixture
def comparisons(tmp_path):
    """A file of pairs."""
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["queries", "chosen_responses", "reject_responses"])
        rows.writerows((f"Question {at}? ", answer, "So.") for at, answer in enumerate(ANSWERS))
    return path


@pytest.fixture
def prompts(tmp_path):
    """A file of prompts."""
    path = tmp_path / "prompts.csv"
    path.write_text("prompt\n" + "".join(f"Question {at}?\n" for at in range(4)))
    return path
