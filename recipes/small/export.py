"""Write a trained checkpoint as one GGUF file: ``python export.py TRAINED BASE DIR``.

The base's metadata and tokenizer are taken over as they are, but for the number of layers, and the
tensors are written anew, so that transformers and llama.cpp read the file as they read the base.
Config and tokenizer lie beside it as well, because transformers takes seconds to find them in it.
Rounding changes edits that hang on a near tie: measure the file, not the weights that it was made
from.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import quantize
from safetensors.torch import load_file

FILE = "small.gguf"
_PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def write_gguf(trained: Path, base: Path, path: Path, blocks: str, table: str) -> None:
    """Write the file.

    Args:
        trained: folder with ``model.safetensors`` under transformers' names.
        base: the GGUF file whose metadata and tokenizer are taken over.
        path: the file to write.
        blocks: how the matrices of the layers are rounded, such as ``Q4_1`` or ``Q5_0``.
        table: the same for the embedding.
    """
    weights = {
        name: one.float().numpy() for name, one in load_file(trained / "model.safetensors").items()
    }
    reader = GGUFReader(base)
    writer = GGUFWriter(path, "llama")
    layers = len({name.split(".")[2] for name in weights if name.startswith("model.layers.")})
    writer.add_block_count(layers)
    written = ("general.architecture", "llama.block_count")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in written:
            kind = field.types[0]
            inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=inner)
    heads = {
        part: int(reader.fields[f"llama.attention.{key}"].contents())
        for part, key in (("attn_q", "head_count"), ("attn_k", "head_count_kv"))
    }
    for tensor in reader.tensors:
        above = tensor.name.startswith("blk.") and int(tensor.name.split(".")[1]) >= layers
        if tensor.name == "output.weight" or above:  # the head is the embedding
            continue
        name = _their_name(tensor.name)
        weight = weights.pop(name)
        part = tensor.name.split(".")[-2]
        if part in heads:
            weight = _interleaved(weight, heads[part])
        kind = table if part == "token_embd" else blocks
        if weight.ndim == 1 or kind == "F32":
            writer.add_tensor(tensor.name, weight.astype(np.float32))
        else:
            chosen = GGMLQuantizationType[kind]
            rounded = quantize(np.ascontiguousarray(weight, dtype=np.float32), chosen)
            writer.add_tensor(tensor.name, rounded, raw_dtype=chosen)
    if weights:
        raise SystemExit(f"The base has no place for {', '.join(sorted(weights))}.")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _their_name(name: str) -> str:
    """The name of a llama.cpp tensor in transformers."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_PARTS[part]}.weight"


def _interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """The rows of q and k as llama.cpp has them, the two halves of a rotary pair side by side."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path, help="folder that train.py exported")
    parser.add_argument("base", type=Path, help="folder that base.py wrote")
    parser.add_argument("folder", type=Path, help="folder of the checkpoint to ship")
    parser.add_argument("--blocks", default="Q5_1", help="rounding of the layers' matrices")
    parser.add_argument("--table", default="Q5_1", help="rounding of the embedding")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    unfinished = options.folder / f"{FILE}.part"
    base = options.base / "base.gguf"
    write_gguf(options.trained, base, unfinished, options.blocks, options.table)
    unfinished.replace(options.folder / FILE)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "metaaligner.json"):
        shutil.copyfile(options.trained / name, options.folder / name)
    size = (options.folder / FILE).stat().st_size
    print(f"{options.folder / FILE}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
