"""Random decoder models of a few thousand weights, and prompts to edit, for tests of decoding."""

import random

import torch
from transformers import (
    AutoTokenizer,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.models import checkpoint

SMALL = {
    "vocab_size": 480,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "head_dim": 8,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": None}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {}),
    "gemma": (GemmaConfig, GemmaForCausalLM, {}),
}
TEXT = "the answer should be kind and clear so that people can read it without effort"


def adopt(model, published):
    tokenizer = AutoTokenizer.from_pretrained(published)
    return checkpoint.adopt(model.eval(), tokenizer)[1]


def build(kind, seed, published, attention="sdpa"):
    config, model, extra = KINDS[kind]
    torch.manual_seed(seed)
    made = model(config(**SMALL, **extra, attn_implementation=attention))
    with torch.no_grad():
        made.get_output_embeddings().weight[2] *= 1.5  # some answers end by themselves
    return adopt(made, published)


def edit_prompts(seed, number):
    chance, words = random.Random(seed), TEXT.split()

    def text(most):
        return " ".join(chance.choices(words, k=chance.randint(1, most)))

    return [f"You are | Query: {text(30)} | Answer: {text(40)} | Edit: " for _ in range(number)]


def draft_in(prompt):
    return prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")


def decode(held, prompts, method, **options):
    decoding = Decoding(method=method, **{"max_new_tokens": 40, "batch_size": 4, **options})
    drafts = {prompt: draft_in(prompt) for prompt in prompts if prompt.endswith(" | Edit: ")}
    return complete(held, prompts, decoding, shared=False, drafts=drafts)
