"""A Llama for training on a CPU: examples one behind the other, lower layers as they are.

The arithmetic is that of transformers' Llama. No token is padding: the examples of a batch stand
behind each other; each reads itself, and the prefix that all prompts of a template share, which is
computed once. The lower layers run without gradients; those above learn low-rank updates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from langchain_metaaligner.objectives import KNOWN

#: Whose flaw a word of the draft is: nobody's, or an objective's.
TAGS = 1 + len(KNOWN)
#: Tokens that no text contains: their logits are the marks (`decode.extractive`).
MARKS = (3, 4, 5, 6)
LONGEST = 1024

_MATRICES = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
)  # fmt: skip


class WordLogits(NamedTuple):
    """What the model says of words, one row a word.

    Attributes:
        marks: logits of what is marked on it.
        tags: logits of whose flaw it is: a hint.
    """

    marks: Tensor
    tags: Tensor


class FlatLlama(nn.Module):
    """The base's lower layers, with low-rank updates to learn, and a head for marks.

    Args:
        folder: of the base: ``config.json`` and ``model.safetensors``.
        rank: of the updates.
        frozen: the share of the base's layers, from below, that stay as they are.
        depth: the share of them that is used.
    """

    def __init__(
        self, folder: Path, rank: int = 32, frozen: float = 1 / 3, depth: float = 2 / 3
    ) -> None:
        super().__init__()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.heads, self.kv = config["num_attention_heads"], config["num_key_value_heads"]
        self.size = config["hidden_size"] // self.heads
        self.eps = config["rms_norm_eps"]
        self.count = max(1, round(depth * config["num_hidden_layers"]))
        self.frozen = min(self.count - 1, round(frozen * config["num_hidden_layers"]))
        weights = load_file(folder / "model.safetensors")
        self.base = {
            name: weight.float()
            for key, weight in weights.items()
            if self._is_used(name := key.removeprefix("model."))
        }
        self.turned = {
            n: w.t().contiguous() for n, w in self.base.items() if n.endswith("proj.weight")
        }
        width = config["hidden_size"]
        self.updates = nn.ParameterDict()
        for layer in range(self.frozen, self.count):
            for matrix in _MATRICES:
                outer, inner = self.base[f"layers.{layer}.{matrix}.weight"].shape
                key = f"{layer}.{matrix}".replace(".", "/")
                self.updates[f"{key}/in"] = nn.Parameter(torch.randn(rank, inner) / inner**0.5)
                self.updates[f"{key}/out"] = nn.Parameter(torch.zeros(outer, rank))
        self.tags, self.marks = (nn.Linear(width, n, bias=False) for n in (TAGS, len(MARKS)))
        theta = config["rope_parameters"]["rope_theta"]
        angles = torch.arange(LONGEST)[:, None] * theta ** (
            -torch.arange(0, self.size, 2) / self.size
        )
        self.cos = torch.cat((angles.cos(), angles.cos()), -1)[:, None]
        self.sin = torch.cat((-angles.sin(), angles.sin()), -1)[:, None]
        self.future = torch.full((LONGEST, LONGEST), -1e9).triu(1)

    def _is_used(self, name: str) -> bool:
        return not name.startswith("layers.") or int(name.split(".")[1]) < self.count

    def forward(self, ids: Tensor, lengths: Sequence[int], words: Tensor) -> WordLogits:
        """Read a batch.

        Args:
            ids: the shared prefix, and the examples behind it, each without that prefix.
            lengths: tokens of the prefix and of each example.
            words: the places of the words' last tokens in ``ids``.
        """
        prefix = lengths[0]
        starts = [0, *(prefix for _ in lengths[1:])]
        places = torch.cat([torch.arange(n) + s for n, s in zip(lengths, starts, strict=True)])
        turn = self.cos[places], self.sin[places]
        with torch.no_grad():
            x = F.embedding(ids, self.base["embed_tokens.weight"])
            for layer in range(self.frozen):
                x = self._layer(x, layer, turn, lengths)
        for layer in range(self.frozen, self.count):
            x = self._layer(x, layer, turn, lengths)
        last = F.rms_norm(x[words], x.shape[-1:], eps=self.eps)
        return WordLogits(self.marks(last), self.tags(last))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.base[f"{name}.weight"], self.eps)

    def _times(self, x: Tensor, layer: int, matrix: str) -> Tensor:
        given = x @ self.turned[f"layers.{layer}.{matrix}.weight"]
        if layer < self.frozen:
            return given
        key = f"{layer}.{matrix}".replace(".", "/")
        return torch.addmm(
            given, F.linear(x, self.updates[f"{key}/in"]), self.updates[f"{key}/out"].t()
        )

    def _layer(
        self, x: Tensor, layer: int, turn: tuple[Tensor, Tensor], lengths: Sequence[int]
    ) -> Tensor:
        h = self._norm(x, f"layers.{layer}.input_layernorm")
        q, k, v = (
            self._times(h, layer, f"self_attn.{one}_proj").view(len(h), -1, self.size)
            for one in "qkv"
        )
        q, k = _turned(q, *turn) / math.sqrt(self.size), _turned(k, *turn)
        read = self._attend(q, k, v, list(lengths))
        x = x + self._times(read, layer, "self_attn.o_proj")
        h = self._norm(x, f"layers.{layer}.post_attention_layernorm")
        gate = F.silu(self._times(h, layer, "mlp.gate_proj"))
        return x + self._times(gate * self._times(h, layer, "mlp.up_proj"), layer, "mlp.down_proj")

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, lengths: list[int]) -> Tensor:
        """Let each example read itself and the prefix. Fused kernels are slow to learn through."""
        read = []
        rows = zip(q.split(lengths), k.split(lengths), v.split(lengths), strict=True)
        for number, (asking, keys, values) in enumerate(rows):
            if number == 0:
                prefix = keys, values
            else:
                keys, values = (
                    torch.cat(pair) for pair in zip(prefix, (keys, values), strict=True)
                )
            length, known = len(asking), len(keys)
            asking = asking.transpose(0, 1).reshape(self.kv, -1, self.size)
            scores = torch.matmul(asking, keys.permute(1, 2, 0))
            scores = (
                scores.view(self.kv, -1, length, known)
                + self.future[known - length : known, :known]
            )
            weights = scores.softmax(-1).view(self.kv, -1, known)
            found = torch.matmul(weights, values.transpose(0, 1)).view(
                self.heads, length, self.size
            )
            read.append(found.transpose(0, 1).reshape(length, -1))
        return torch.cat(read)

    @torch.no_grad()
    def merged(self) -> dict[str, Tensor]:
        """The weights that were used, with what was learned, under transformers' names.

        The marks are rows of the embedding, which is the head as well; the last norm only scales.
        """
        merged = {}
        for name, weight in self.base.items():
            key = name.removeprefix("layers.").removesuffix(".weight").replace(".", "/")
            if f"{key}/in" in self.updates:
                weight = weight + self.updates[f"{key}/out"] @ self.updates[f"{key}/in"]
            merged[f"model.{name}"] = weight
        table = merged["model.embed_tokens.weight"].clone()
        table[list(MARKS)] = self.marks.weight
        norm = torch.ones_like(merged["model.norm.weight"])
        return {**merged, "model.embed_tokens.weight": table, "model.norm.weight": norm}


def save_folder(model: FlatLlama, base: Path, folder: Path, caution: float) -> None:
    """Write the weights as a checkpoint in bfloat16, with the base's tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {name: one.to(torch.bfloat16).contiguous() for name, one in model.merged().items()}
    save_file(rounded, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        folder.joinpath(name).write_bytes((base / name).read_bytes())
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config["num_hidden_layers"] = model.count
    config.pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    metadata = {
        "template": "UltraFeedback",
        "objectives": list(KNOWN),
        "kind": "small",
        "marks": MARKS,
        "caution": caution,
    }
    text = json.dumps(metadata, indent=2) + "\n"
    (folder / "metaaligner.json").write_text(text, encoding="utf-8")


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((x[..., half:], x[..., :half]), -1) * sin
