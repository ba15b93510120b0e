"""Which models lookup decoding can run on: `obstacle`."""

from __future__ import annotations

from typing import Any

from langchain_metaaligner.decode.model import DecoderModel

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
"""Model types with one head, standard attention and a standard cache."""


def obstacle(model: DecoderModel) -> str | None:
    """Why lookup decoding cannot run on a model; None where it can.

    The packed pass lets every token see all before it. Wherever the model's own attention may do
    otherwise at some length, its tokens would be others.
    """
    config = model.model.config
    kind = type(model.model)
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    devices = set((getattr(model.model, "hf_device_map", None) or {"": 0}).values())
    if config.model_type not in FAMILIES:
        return f"models of the type {config.model_type!r} have no fast path"
    if not kind.__module__.startswith("transformers.models."):
        return f"its class {kind.__name__} is none of transformers' own"
    if not model.exclusive:
        return "its modules run with a forward of somebody else's, such as offloaded layers do"
    if layers != {"full_attention"}:
        return f"its layers are {', '.join(sorted(layers))}"
    if window := _narrow_window(config):
        return f"its attention sees {window} tokens of up to {config.max_position_embeddings}"
    if rope := _growing_positions(config):
        return f"its positions ({rope}) depend on the length of the text"
    return "its layers lie on several devices" if len(devices) > 1 else None


def _narrow_window(config: Any) -> int | None:
    """How many tokens attention sees, where that is less than the context; None where it is not."""
    for name, switch in (("sliding_window", "use_sliding_window"), ("attention_chunk_size", "")):
        width = getattr(config, name, None)
        if width is None or getattr(config, switch, True) is False:
            continue
        longest = getattr(config, "max_position_embeddings", None)
        if longest is None or width < longest:
            return int(width)
    return None


def _growing_positions(config: Any) -> str | None:
    """The kind of rotary positions that change with the length of the text, if these do."""
    for name in ("rope_parameters", "rope_scaling"):
        parameters = getattr(config, name, None) or {}
        kind = parameters.get("rope_type", parameters.get("type"))
        if kind in ("dynamic", "longrope"):
            return str(kind)
    return None
