"""Keys and values of rows of uneven length, in slots that have the numbers of their positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

_BLOCK = 256  # slots are added in blocks of so many: growing copies all keys, some four times a row


class SlotCache(Cache):
    """Keys and values of all layers, in slots that rows of uneven length share.

    Args:
        layers: how many the model has.

    Attributes:
        rows: the row of each token of the pass at hand.
    """

    rows: torch.Tensor

    def __init__(self, layers: int) -> None:
        self._layers = [_SlotLayer() for _ in range(layers)]
        super().__init__(layers=list(self._layers))

    def expect(self, rows: torch.Tensor, slots: torch.Tensor, number: int, reach: int) -> None:
        """Expect keys of tokens for such rows and slots; ``number`` rows, ``reach`` slots."""
        self.rows = rows
        for layer in self._layers:
            layer.rows, layer.slots = rows, slots
            layer.number, layer.reach = number, reach

    @torch.inference_mode()
    def read(self, row: int, start: int, end: int) -> torch.Tensor:
        """Keys and values (layers, 2, heads, tokens, size) of a row, from one slot to another."""
        return torch.stack(
            [
                torch.stack([layer.k[row, :, start:end], layer.v[row, :, start:end]])
                for layer in self._layers
            ]
        )

    @torch.inference_mode()
    def write(self, numbers: Mapping[int, torch.Tensor], length: int) -> None:
        """Fill the first slots of rows with what `read` gave.

        Args:
            numbers: keys and values by row.
            length: slots that the rows will soon have.
        """
        for at, layer in enumerate(self._layers):
            for row, kept in numbers.items():
                if not layer.is_initialized:
                    layer.lazy_initialization(kept[at, :1], kept[at, 1:])
                layer.grow(max(numbers) + 1, length)
                layer.k[row, :, : kept.shape[3]] = kept[at, 0]
                layer.v[row, :, : kept.shape[3]] = kept[at, 1]

    @torch.inference_mode()
    def shift(self, row: int, start: int, to: int, number: int) -> None:
        """Copy some slots of a row over others."""
        for layer in self._layers:
            for slots in (layer.k, layer.v):
                slots[row, :, to : to + number] = slots[row, :, start : start + number].clone()

    @torch.inference_mode()
    def move(self, row: int, to: int) -> None:
        """Copy a row over another one."""
        for layer in self._layers:
            layer.k[to] = layer.k[row]
            layer.v[to] = layer.v[row]


class _SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """The slots of one layer: (rows, heads, slots, size of a head)."""

    is_sliding = False
    k: torch.Tensor
    v: torch.Tensor
    rows: torch.Tensor
    slots: torch.Tensor
    number: int
    reach: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Learn the number of heads, their sizes, the dtype and the device."""
        self.dtype, self.device = key_states.dtype, key_states.device
        heads = key_states.shape[1]
        self.k = key_states.new_zeros(0, heads, 0, key_states.shape[3])
        self.v = value_states.new_zeros(0, heads, 0, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the keys and values of a pass (1, heads, tokens, size); return all slots."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.grow(self.number, self.reach)
        self.k[self.rows, :, self.slots] = key_states[0].transpose(0, 1)
        self.v[self.rows, :, self.slots] = value_states[0].transpose(0, 1)
        return self.k, self.v

    def grow(self, rows: int, length: int) -> None:
        """Have room for so many rows and tokens."""
        have_rows, _, have_length, _ = self.k.shape
        if rows <= have_rows and length <= have_length:
            return
        rows, length = max(rows, have_rows), max(-(-length // _BLOCK) * _BLOCK, have_length)
        before = self.k, self.v
        self.k, self.v = (
            slots.new_zeros(rows, slots.shape[1], length, slots.shape[3]) for slots in before
        )
        self.k[:have_rows, :, :have_length], self.v[:have_rows, :, :have_length] = before

    def get_seq_length(self) -> int:
        """0: positions are always given."""
        return 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """The slots that count, and the first of them."""
        return self.reach, 0

    def get_max_length(self) -> int:
        """-1: there is no limit."""
        return -1
