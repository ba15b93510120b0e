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

#: Whose flaw a token of the draft is: nobody's, or an objective's.
TAGS = 1 + len(KNOWN)
LONGEST = 1024

_MATRICES = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
)  # fmt: skip


class Hidden(NamedTuple):
    """What a pass gives, one row a token.

    Attributes:
        last: the normalised states before the head, which is the tied embedding.
        tags: logits of whose flaw a token is.
        going: logits of whether the edit takes it out.
        departing: logits of whether the next token departs from the draft.
    """

    last: Tensor
    tags: Tensor
    going: Tensor
    departing: Tensor


class FlatLlama(nn.Module):
    """The base model, with low-rank updates to learn, and hints that are dropped afterwards.

    Args:
        folder: of the base: ``config.json`` and ``model.safetensors``.
        rank: of the updates.
        frozen: the share of the layers, from below, that stay as they are.
    """

    def __init__(self, folder: Path, rank: int = 32, frozen: float = 0.4) -> None:
        super().__init__()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.heads, self.kv = config["num_attention_heads"], config["num_key_value_heads"]
        self.size = config["hidden_size"] // self.heads
        self.eps = config["rms_norm_eps"]
        self.count = config["num_hidden_layers"]
        self.frozen = round(frozen * self.count)
        # The tags are learned from the middle of what is trained, the departures further up.
        above = self.count - self.frozen
        self.tagged = self.frozen + max(1, round(4 * above / 9))
        self.decided = self.frozen + max(1, round(2 * above / 3))
        weights = load_file(folder / "model.safetensors")
        self.base = {name.removeprefix("model."): one.float() for name, one in weights.items()}
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
        self.tags, self.going, self.departing = (
            nn.Linear(width, n, bias=False) for n in (TAGS, 2, 2)
        )
        theta = config["rope_parameters"]["rope_theta"]
        angles = torch.arange(LONGEST)[:, None] * theta ** (
            -torch.arange(0, self.size, 2) / self.size
        )
        self.cos = torch.cat((angles.cos(), angles.cos()), -1)[:, None]
        self.sin = torch.cat((-angles.sin(), angles.sin()), -1)[:, None]
        self.future = torch.full((LONGEST, LONGEST), -1e9).triu(1)

    def forward(self, ids: Tensor, lengths: Sequence[int]) -> Hidden:
        """Read a batch.

        Args:
            ids: the shared prefix, and the examples behind it, each without that prefix.
            lengths: tokens of the prefix and of each example.
        """
        prefix = lengths[0]
        starts = [0, *(prefix for _ in lengths[1:])]
        places = torch.cat([torch.arange(n) + s for n, s in zip(lengths, starts, strict=True)])
        turn = self.cos[places], self.sin[places]
        with torch.no_grad():
            x = F.embedding(ids, self.base["embed_tokens.weight"])
            for layer in range(self.frozen):
                x = self._layer(x, layer, turn, lengths)
        tagged = decided = x
        for layer in range(self.frozen, self.count):
            x = self._layer(x, layer, turn, lengths)
            tagged = x if layer + 1 == self.tagged else tagged
            decided = x if layer + 1 == self.decided else decided
        tagged, decided = (F.rms_norm(one, one.shape[-1:]) for one in (tagged, decided))
        return Hidden(
            self._norm(x, "norm"), self.tags(tagged), self.going(tagged), self.departing(decided)
        )

    def logits(self, last: Tensor) -> Tensor:
        """The next tokens' logits."""
        return F.linear(last, self.base["embed_tokens.weight"])

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
        """The base's weights with what was learned, under transformers' names."""
        told = {}
        for name, weight in self.base.items():
            key = name.removeprefix("layers.").removesuffix(".weight").replace(".", "/")
            if f"{key}/in" in self.updates:
                weight = weight + self.updates[f"{key}/out"] @ self.updates[f"{key}/in"]
            told[f"model.{name}"] = weight
        return told


def save_folder(weights: dict[str, Tensor], base: Path, folder: Path) -> None:
    """Write weights as a checkpoint in bfloat16, with the base's config and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {name: one.to(torch.bfloat16).contiguous() for name, one in weights.items()}
    save_file(rounded, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        folder.joinpath(name).write_bytes((base / name).read_bytes())


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((x[..., half:], x[..., :half]), -1) * sin
