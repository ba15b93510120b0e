"""Pairs and prompts: their files, their tokens, and what is too long."""

import json

import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from langchain_metaaligner.errors import DataError, RecipeError
from langchain_metaaligner.models.load import prompt_ids
from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.training.examples import fitting_prompts, read_prompts
from langchain_metaaligner.training.morlhf import clean_response
from langchain_metaaligner.training.preference_pairs import (
    read_comparisons,
    tokenise_apart,
    tokenise_scored,
)

HEADER = "queries,chosen_responses,reject_responses\n"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MINI_FOLDER)


def test_the_forms_of_a_file(tmp_path):
    pair = {"prompt": "p\n", "chosen": "", "rejected": "nan"}
    (tmp_path / "a.csv").write_text(HEADER + '"p\n",,nan\n')
    (tmp_path / "b.jsonl").write_text(json.dumps({**pair, "margin": 1}) + "\n")
    Dataset.from_list([pair]).save_to_disk(tmp_path / "c")
    for name in ("a.csv", "b.jsonl", "c"):
        assert read_comparisons(tmp_path / name).to_list() == [pair]


def test_a_file_that_is_made_anew_is_read_anew(tmp_path):
    path = tmp_path / "a.csv"
    for answer in ("one", "two"):
        path.write_text(HEADER + f"p,{answer},r\n")
        assert read_comparisons(path)["chosen"] == [answer]


def test_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("queries,chosen_response\np,c\n")
    with pytest.raises(RecipeError, match="Pairs need prompt, chosen, rejected, or queries"):
        read_comparisons(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(HEADER + "p,c,r\np,c\n")
    with pytest.raises(DataError, match=r"b\.csv, line 3: broken line \(2 cells, not 3\)"):
        read_comparisons(tmp_path / "b.csv")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_comparisons(tmp_path / "none.csv")


def test_prompt_and_answers_are_tokenised_apart(tokenizer):
    prompt = "\n\nHuman: Hi \n\nAssistant:"
    pairs = Dataset.from_list([{"prompt": prompt, "chosen": "Yes", "rejected": "No </s> way"}])
    rows, too_long = tokenise_apart(pairs, tokenizer, 256)
    row = rows[0]
    assert row["prompt_ids"] == prompt_ids(tokenizer, prompt)
    for side in ("chosen", "rejected"):
        *ids, end = row[f"{side}_ids"]
        assert tokenizer.decode(ids) == pairs[0][side]
        assert end == tokenizer.eos_token_id
        assert tokenizer.eos_token_id not in ids
    assert too_long == 0


def test_long_pairs_are_counted(tokenizer):
    pairs = [{"prompt": "p", "chosen": "c", "rejected": "a b c " * n} for n in (1, 200)]
    for tokenise in (tokenise_apart, tokenise_scored):
        rows, too_long = tokenise(Dataset.from_list(pairs), tokenizer, 64)
        assert (len(rows), too_long) == (1, 1)
        with pytest.raises(RecipeError, match="None of the 2 pairs fits in max_length=2"):
            tokenise(Dataset.from_list(pairs), tokenizer, 2)


def test_prompts_are_used_once_and_long_ones_counted(tmp_path, tokenizer):
    path = tmp_path / "a.csv"
    path.write_text(f"query,golden_response\nb,1\na,2\nb,3\n{'x y ' * 50},4\n")
    prompts = read_prompts(path)
    assert prompts["prompt"][:2] == ["b", "a"]
    fitting, too_long = fitting_prompts(prompts, tokenizer, 20)
    assert (fitting["prompt"], too_long) == (["b", "a"], 1)
    with pytest.raises(RecipeError, match="None of the 3 prompts has at most"):
        fitting_prompts(prompts, tokenizer, 0)
    (tmp_path / "b.csv").write_text("text\na\n")
    with pytest.raises(RecipeError, match="in a column prompt, query or queries"):
        read_prompts(tmp_path / "b.csv")


@pytest.mark.parametrize(
    "text",
    ["a b\n\nHuman: c", " a b \nHuman: c", "a b\n\nAssistant: c", "a b\n\n\nc", "a b ### c", "a b"],
)
def test_an_answer_ends_where_another_turn_begins(text):
    assert clean_response(text) == "a b"
