"""Training examples: the prompt has the tokens that inference gives it."""

import json

import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models import checkpoint
from langchain_metaaligner.models.spec import MINI_FOLDER, CheckpointSpec
from langchain_metaaligner.templates import EditTemplate
from langchain_metaaligner.training.examples import read_pairs, tokenise

PROMPT = EditTemplate.named("HH-RLHF").format("\n\nHuman: Hi \n\nAssistant:", "No.", ["harmless"])


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MINI_FOLDER)


def test_prompt_and_answer_are_tokenised_apart(tokenizer):
    answer = "Hello </s> there."
    rows, too_long = tokenise(
        Dataset.from_list([{"prompt": PROMPT, "completion": answer}]), tokenizer, 256
    )
    ids, mask = rows[0]["input_ids"], rows[0]["completion_mask"]
    start = mask.index(1)
    loaded = checkpoint.load(CheckpointSpec(model="mini").resolved())
    assert ids[:start] == loaded.encode([PROMPT])[0]
    assert tokenizer.decode(ids[start:-1]) == answer
    assert ids[-1] == tokenizer.eos_token_id
    assert ids.count(tokenizer.eos_token_id) == 1
    assert (mask, too_long) == ([0] * start + [1] * (len(ids) - start), 0)


def test_long_examples_are_counted(tokenizer):
    pairs = [{"prompt": PROMPT, "completion": "a b c " * n} for n in (1, 200)]
    rows, too_long = tokenise(Dataset.from_list(pairs), tokenizer, 64)
    assert (len(rows), too_long) == (1, 1)
    with pytest.raises(RecipeError, match="None of the 2 examples fits in max_length=8"):
        tokenise(Dataset.from_list(pairs), tokenizer, 8)


def test_the_forms_of_a_file(tmp_path):
    turns = [{"from": "human", "value": "p"}, {"from": "gpt", "value": "c"}]
    pair = {"prompt": "p", "completion": "c"}
    (tmp_path / "a.json").write_text(json.dumps([{"id": 0, "conversations": turns}]))
    (tmp_path / "b.jsonl").write_text(json.dumps({**pair, "id": 3}) + "\n")
    Dataset.from_list([pair]).save_to_disk(tmp_path / "c")
    for name in ("a.json", "b.jsonl", "c"):
        assert read_pairs(tmp_path / name).to_list() == [pair]


def test_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(RecipeError, match="has the columns text"):
        read_pairs(tmp_path / "a.jsonl")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_pairs(tmp_path / "none.json")
    turns = [{"from": "gpt", "value": "p"}, {"from": "gpt", "value": "c"}]
    (tmp_path / "b.json").write_text(json.dumps([{"id": 0, "conversations": turns}]))
    with pytest.raises(RecipeError, match="one turn of human and one of gpt"):
        read_pairs(tmp_path / "b.json")
