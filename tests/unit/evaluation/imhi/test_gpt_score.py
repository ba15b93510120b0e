"""GPT-score of tiny causal models."""

import math

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.evaluation.imhi.gpt_score import checkpoint_log_probs, gpt_score

WORDS = ["<unk>", "a", "pump", "moves", "water", "."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt")
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(WORDS), n_positions=16, n_embd=8, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return str(folder)


def test_only_the_tokens_of_the_text_count(folder):
    log_probs = checkpoint_log_probs(folder, "cpu")
    found = log_probs("a pump ", "moves water")
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([[1, 2, 3, 4]])).logits[0].log_softmax(-1)
    assert found == pytest.approx([float(logits[1, 3]), float(logits[2, 4])], abs=1e-5)
    (score,) = gpt_score(log_probs)(["a pump "], ["moves water"])
    assert score == pytest.approx(sum(found) / 2)


def test_a_text_longer_than_the_model_keeps_its_end(folder):
    found = checkpoint_log_probs(folder, "cpu")("a " * 30, "water .")
    assert len(found) == 2


def test_an_empty_text_has_no_score(folder):
    score = gpt_score(checkpoint_log_probs(folder, "cpu"))
    empty, other = score(["a pump", "a pump"], ["", "water"])
    assert math.isnan(empty)
    assert other < 0


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="Give its Hub id or its folder"):
        checkpoint_log_probs(str(tmp_path / "none"))
