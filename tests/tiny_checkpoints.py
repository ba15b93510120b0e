"""Tiny checkpoints in the layouts that real ones have, built once per session."""

import io
import json
import random
import shutil
from pathlib import Path

import pytest
import sentencepiece
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from langchain_metaaligner.models import checkpoint

WORDS = [
    "the",
    "answer",
    "should",
    "be",
    "kind",
    "and",
    "clear",
    "so",
    "that",
    "people",
    "can",
    "read",
    "it",
    "without",
    "effort",
    "please",
    "edit",
    "query",
    "context",
    "harm",
    "help",
    "water",
    "stone",
    "river",
    "walk",
    "table",
    "window",
    "number",
    "seven",
    "light",
    "question",
    "better",
    "words",
    "human",
    "assistant",
    "You",
    "are",
    "an",
    "to",
    "Consider",
    "aspects",
    "Edit",
    "Answer",
    "Query",
    "Context",
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
CONTEXT = 256


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Path:
    """The files of a published MetaAligner: sentencepiece, and weights in two pickled shards."""
    folder = tmp_path_factory.mktemp("published") / "MetaAligner-HH-RLHF-tiny"
    folder.mkdir()
    folder.joinpath("tokenizer.model").write_bytes(_sentencepiece_model())
    _write(folder / "tokenizer_config.json", _tokenizer_config())
    _write(folder / "special_tokens_map.json", SPECIAL)
    sampling = {"do_sample": True, "temperature": 0.9, "top_p": 0.6, "repetition_penalty": 1.5}
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    _write(folder / "generation_config.json", {**tokens, **sampling})
    model = _tiny_llama()
    model.config.architectures = ["LlamaForCausalLM"]
    _write(folder / "config.json", model.config.to_dict())
    _write_shards(folder, model.state_dict())
    return folder


@pytest.fixture(scope="session")
def modern(published, tmp_path_factory) -> Path:
    """The same checkpoint as transformers writes it today: safetensors and tokenizer.json."""
    folder = tmp_path_factory.mktemp("modern") / "aligner"
    _tiny_llama().save_pretrained(folder)
    AutoTokenizer.from_pretrained(published).save_pretrained(folder)
    _write(folder / "metaaligner.json", {"template": "IMHI"})
    assert folder.joinpath("tokenizer.json").exists()
    assert not folder.joinpath("tokenizer.model").exists()
    return folder


@pytest.fixture
def broken(modern, tmp_path):
    """A copy of the modern checkpoint to damage."""
    return Path(shutil.copytree(modern, tmp_path / "broken"))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Models this small lose more by sharing work among threads than they win."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def fresh_cache():
    yield
    checkpoint.unload()


@pytest.fixture(scope="session")
def prompts() -> list[str]:
    """Edit prompts of ragged length."""
    chance = random.Random(5)
    return [
        "You are an assistant to human. | Query: "
        + " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))
        + " | Answer: no | Edit: "
        for _ in range(13)
    ]


def _sentencepiece_model() -> bytes:
    chance = random.Random(0)
    lines = [" ".join(chance.choices(WORDS, k=chance.randint(3, 14))) + "." for _ in range(600)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=480,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=0.99,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        normalization_rule_name="identity",  # as Llama's
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    return model.getvalue()


def _tokenizer_config() -> dict:
    def token(text: str) -> dict:
        flags = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
        return {"__type": "AddedToken", "content": text, **flags}

    return {
        **{name: token(text) for name, text in SPECIAL.items()},
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "legacy": False,
        "model_max_length": CONTEXT,
        "pad_token": None,
        "padding_side": "right",
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
    }


def _tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=480,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.4,  # wide, so that the answers wander
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight[2] *= 2.2  # some answers end by themselves, some do not
    return model


def _write_shards(folder: Path, weights: dict) -> None:
    names = sorted(weights)
    shards = {
        "pytorch_model-00001-of-00002.bin": names[::2],
        "pytorch_model-00002-of-00002.bin": names[1::2],
    }
    for file, members in shards.items():
        torch.save({name: weights[name].clone() for name in members}, folder / file)
    index = {name: file for file, members in shards.items() for name in members}
    total = sum(one.numel() * one.element_size() for one in weights.values())
    _write(
        folder / "pytorch_model.bin.index.json",
        {"metadata": {"total_size": total}, "weight_map": index},
    )


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
