"""The mini in the shape of a large model: the same edits, at the large model's cost.

What is added are zeros: in more layers, heads, and a wider hidden state, of which the output takes
no notice. So a large model's speed is measured on real edits without its weights. Heads keep the
mini's size of 64, and the vocabulary its 2,048 pieces, which makes up 2 % of a 7B model's work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langchain_metaaligner.models.checkpoint import Checkpoint


class Shape(NamedTuple):
    """The sizes of a Llama."""

    layers: int
    hidden: int
    intermediate: int


SHAPES: Mapping[str, Shape] = {
    "1.1B": Shape(22, 2048, 5632),
    "7B": Shape(32, 4096, 11008),
    "13B": Shape(40, 5120, 13824),
}


@torch.no_grad()
def grown(checkpoint: Checkpoint, shape: Shape) -> Checkpoint:
    """The checkpoint in a larger shape, on the same device and in the same precision."""
    model = checkpoint.model
    config = model.config
    share = config.hidden_size / shape.hidden
    size = config.head_dim
    larger = LlamaConfig(
        **{
            **config.to_dict(),
            "num_hidden_layers": shape.layers,
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_attention_heads": shape.hidden // size,
            "num_key_value_heads": shape.hidden // size,
            "rms_norm_eps": config.rms_norm_eps * share,
        }
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(model.dtype)
    try:
        with torch.device(model.device):
            made = LlamaForCausalLM(larger)
    finally:
        torch.set_default_dtype(before)
    small = dict(model.named_parameters())
    for name, parameter in made.named_parameters():
        parameter.zero_()
        if name in small:
            # The mean square is taken over zeros too: the norm's weight makes up for it.
            scale = math.sqrt(share) if "norm" in name else 1.0
            place = tuple(slice(length) for length in small[name].shape)
            parameter[place] = small[name] * scale
    made.generation_config = model.generation_config
    return Checkpoint(
        name=f"{checkpoint.name} as {shape.layers} layers of {shape.hidden}",
        model=made.eval(),
        tokenizer=checkpoint.tokenizer,
        pad_id=checkpoint.pad_id,
        eos_ids=checkpoint.eos_ids,
        metadata=checkpoint.metadata,
    )
