"""One forward pass over rows of uneven length, without padding.

The tokens of all rows are packed one behind the other, so that everything but the attention is
computed for real tokens only. The key and value of a token lie in the slot of its row that has the
number of its position, and a query sees the slots up to its own position. So the keys of
rejected guesses are never seen, and are overwritten once the row gets there.

An example. Row A is being written: its last token ``a7`` has position 7 and is not read yet, and
two guesses ``g8 g9`` are to be verified. Row B is new, and its prompt ``b0 b1 b2`` is read:

    feeds             Feed([a7, g8, g9], start=7)    Feed([b0, b1, b2], start=0)
    firsts            0                              2    (from where on is asked what comes next)
    input_ids          a7   g8   g9   b0   b1   b2
    position_ids        7    8    9    0    1    2
    slots written     A:7  A:8  A:9  B:0  B:1  B:2
    slots seen       A0-7 A0-8 A0-9   B0 B0-1 B0-2
    logits_to_keep      0    1    2              5
    answer           [x8, x9, x10]                  [x3]

``x8`` is what the model makes after ``a7``. If it equals ``g8``, then ``x9`` counts as well, and so
on. If it does not, A goes on with ``x8`` at position 8: its key will overwrite that of ``g8`` in
slot A:8, and slot A:9 is not seen until a new token stands there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin

from langchain_metaaligner.decode.pace import rounded_up

_NAME = "metaaligner_slots"
_BLOCK = 256  # slots are added in blocks of so many: growing copies all keys, some four times a row
_WIDE = 64  # rows with more tokens attend one by one: beside short rows they would be their padding


class Feed(NamedTuple):
    """Tokens of one row that a pass reads, and the position of the first of them."""

    ids: list[int]
    start: int


def packed(
    model: Any,
    cache: SlotCache,
    feeds: Sequence[Feed],
    firsts: Sequence[int],
    choose: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> list[list[int]]:
    """One forward pass.

    Args:
        model: a causal language model. Its modules and its config are the caller's own, as this
            puts in another attention for the time of the pass (`models.twin`).
        cache: keys and values of the rows so far; those of the feeds are added.
        feeds: what each row reads, in the order of the cache.
        firsts: from which token of a feed on it is asked what comes next.
        choose: makes token ids of the logits of all places that are asked for, row after row; None
            takes the likeliest.

    Returns:
        For each row the chosen token after each token of its feed, from the first asked one on.
    """
    device = model.device
    counts = [len(feed.ids) for feed in feeds]
    offsets = [0, *accumulate(counts)]
    rows = [row for row, count in enumerate(counts) for _ in range(count)]
    positions = [feed.start + at for feed in feeds for at in range(len(feed.ids))]
    asked = [
        offsets[row] + at for row, first in enumerate(firsts) for at in range(first, counts[row])
    ]
    ids = [token for feed in feeds for token in feed.ids]
    # Few shapes occur: a new one costs the matrix library some time to prepare. What fills a pass
    # up goes to a slot that nobody sees.
    reach = max(positions) + 1
    filled = rounded_up(len(ids)) - len(ids)
    place = torch.tensor(positions + [reach] * filled, device=device)
    cache.expect(torch.tensor(rows + [0] * filled, device=device), place, len(feeds), reach + 1)
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        logits = model(
            input_ids=torch.tensor([ids + [0] * filled], device=device),
            attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device),
            position_ids=place[None],
            use_cache=True,
            logits_to_keep=torch.tensor(asked, device=device),
            spans=_spans(feeds, offsets, device),
            **{_cache_argument(type(model)): cache},
        ).logits
    finally:
        config._attn_implementation = before
    made = (choose(logits[0]) if choose else logits[0].argmax(-1)).tolist()
    ends = [0, *accumulate(count - first for count, first in zip(counts, firsts, strict=True))]
    return [made[start:end] for start, end in pairwise(ends)]


def _cache_argument(kind: Any) -> str:
    """What a model calls its cache: ``past_key_values`` is ``cache`` from transformers 5.24 on."""
    if kind not in _CACHE_ARGUMENTS:
        parameters = inspect.signature(kind.forward).parameters
        _CACHE_ARGUMENTS[kind] = "cache" if "cache" in parameters else "past_key_values"
    return _CACHE_ARGUMENTS[kind]


_CACHE_ARGUMENTS: dict[Any, str] = {}  # by class of model: reading a signature takes 50 µs a pass


@dataclass(frozen=True)
class _Span:
    """Rows that attend together.

    Attributes:
        rows: their places in the cache; a slice where they follow each other.
        tokens: (rows, width), the places of their tokens in the pass; any place where ``real`` is
            not.
        real: (rows, width).
        reach: how many slots the last of them sees.
        visible: (rows, 1, width, reach), the slots that each token sees; None where a row is read
            from its start on, and each token sees those before it.
    """

    rows: slice | torch.Tensor
    tokens: torch.Tensor
    real: torch.Tensor
    reach: int
    visible: torch.Tensor | None


def _spans(feeds: Sequence[Feed], offsets: Sequence[int], device: torch.device) -> list[_Span]:
    wide = [row for row, feed in enumerate(feeds) if len(feed.ids) > _WIDE]
    narrow = [row for row, feed in enumerate(feeds) if len(feed.ids) <= _WIDE]
    groups = [[row] for row in wide] + ([narrow] if narrow else [])
    return [_span(group, feeds, offsets, device) for group in groups]


def _span(
    rows: list[int], feeds: Sequence[Feed], offsets: Sequence[int], device: torch.device
) -> _Span:
    counts = torch.tensor([len(feeds[row].ids) for row in rows], device=device)
    starts = torch.tensor([feeds[row].start for row in rows], device=device)
    first = torch.tensor([offsets[row] for row in rows], device=device)
    steps = torch.arange(int(counts.max()), device=device)
    real = steps < counts[:, None]
    # A place without a token attends to what the row's first one does; nobody reads the result.
    steps = torch.where(real, steps, 0)
    positions = starts[:, None] + steps
    reach = int(positions.max()) + 1
    whole = len(rows) == 1 and feeds[rows[0]].start == 0
    slots = torch.arange(reach, device=device)
    together = rows == list(range(rows[0], rows[-1] + 1))
    return _Span(
        rows=slice(rows[0], rows[-1] + 1) if together else torch.tensor(rows, device=device),
        tokens=first[:, None] + steps,
        real=real,
        reach=reach,
        visible=None if whole else (slots <= positions[..., None])[:, None],
    )


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    *,
    spans: Sequence[_Span],
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend with packed queries (1, heads, tokens, size) to slots (rows, heads, reach, size)."""
    queries = query[0].transpose(0, 1)
    output = torch.zeros_like(queries)  # what fills a pass up must stay finite: 0 × nan is nan
    groups = query.shape[1] // key.shape[1]
    for span in spans:
        keys, values = key[span.rows, :, : span.reach], value[span.rows, :, : span.reach]
        if groups > 1:
            keys = keys.repeat_interleave(groups, dim=1)
            values = values.repeat_interleave(groups, dim=1)
        attended = scaled_dot_product_attention(
            queries[span.tokens].transpose(1, 2),
            keys,
            values,
            span.visible,
            is_causal=span.visible is None,
            scale=scaling,
        ).transpose(1, 2)
        output[span.tokens[span.real]] = attended[span.real]
    return output[None], None


AttentionInterface.register(_NAME, _attend)


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

    def expect(self, rows: torch.Tensor, positions: torch.Tensor, number: int, reach: int) -> None:
        """Expect keys of tokens at such rows and positions; ``number`` rows, ``reach`` slots."""
        self.rows = rows
        for layer in self._layers:
            layer.rows, layer.positions = rows, positions
            layer.number, layer.reach = number, reach

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
    positions: torch.Tensor
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
        self.k = _grown(self.k, self.number, self.reach)
        self.v = _grown(self.v, self.number, self.reach)
        self.k[self.rows, :, self.positions] = key_states[0].transpose(0, 1)
        self.v[self.rows, :, self.positions] = value_states[0].transpose(0, 1)
        return self.k, self.v

    def get_seq_length(self) -> int:
        """0: positions are always given."""
        return 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """The slots that count, and the first of them."""
        return self.reach, 0

    def get_max_length(self) -> int:
        """-1: there is no limit."""
        return -1


def _grown(slots: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    """The slots, with room for so many rows and tokens."""
    have_rows, heads, have_length, size = slots.shape
    if rows <= have_rows and length <= have_length:
        return slots
    blocks = -(-length // _BLOCK)
    grown = slots.new_zeros(max(rows, have_rows), heads, max(blocks * _BLOCK, have_length), size)
    grown[:have_rows, :, :have_length] = slots
    return grown
