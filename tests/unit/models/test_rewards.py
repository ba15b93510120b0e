"""Sequence classifiers as reward models, on tiny checkpoints."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.models.rewards import SequenceReward

WORDS = ["<unk>", "</s>", "Human", ":", "Hi", "Yes", "No", "Assistant", "thanks", "."]


def checkpoint(folder, labels):
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="</s>", model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(WORDS), n_positions=64, n_embd=16, n_layer=1, n_head=2, num_labels=labels,
        pad_token_id=1,
    )  # fmt: skip
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


PAIRS = [("Human: Hi Assistant:", "Yes"), ("Human: Hi Assistant:", "No thanks.")]


def test_one_logit_of_prompt_and_response(tmp_path):
    reward = SequenceReward(checkpoint(tmp_path / "harmless", 1), device="cpu")
    both = reward(PAIRS)
    assert len(set(both)) == 2
    assert reward(PAIRS[1:]) == both[1:]
    assert reward([("Human: thanks Assistant:", "Yes")])[0] != both[0]
    count, most = reward.limit
    assert (count("Hi Yes No"), most) == (3, 32)


def test_a_humor_model_reads_the_response_alone(tmp_path):
    reward = SequenceReward(checkpoint(tmp_path / "humor", 2), device="cpu")
    first = reward(PAIRS)
    assert reward([("Human: thanks", response) for _, response in PAIRS]) == first
    encoded = reward._tokenizer("Yes", return_tensors="pt")
    assert first[0] == reward._model(**encoded).logits[0, 1].item()


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="Give the Hub id or the folder"):
        SequenceReward(str(tmp_path / "none"))


def test_a_model_with_other_outputs(tmp_path):
    with pytest.raises(CheckpointError, match="Give the Hub id or the folder"):
        SequenceReward(checkpoint(tmp_path / "harmless", 2), device="cpu")
