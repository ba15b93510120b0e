"""One forward pass over rows of uneven length, without padding.

The tokens of all rows are packed one behind the other, so that everything but the attention is
computed for real tokens only. The key and value of a token lie in the slot of its row that has the
number of its position, and a query sees the slots up to its own position. So the keys of
rejected guesses are never seen, and are overwritten once the row gets there.

An example. Row A is being written: its last token ``a7`` has position 7 and is not read yet, and
two guesses ``g8 g9`` are to be verified. Row B is new, and its prompt ``b0 b1 b2`` is read:

    feeds             Feed([a7, g8, g9], start=7)    Feed([b0, b1, b2], start=0, first=2)
    input_ids          a7   g8   g9   b0   b1   b2
    position_ids        7    8    9    0    1    2
    slots written     A:7  A:8  A:9  B:0  B:1  B:2
    slots seen       A0-7 A0-8 A0-9   B0 B0-1 B0-2
    logits_to_keep      0    1    2              5
    answer           [x8, x9, x10]                  [x3]

``x8`` is what the model makes after ``a7``. If it equals ``g8``, then ``x9`` counts as well, and so
on. If it does not, A goes on with ``x8`` at position 8: its key will overwrite that of ``g8`` in
slot A:8, and slot A:9 is not seen until a new token stands there.

Where a row is not sure, it brings other guesses too, each a chain of its own behind the last
token. ``Feed([a7, g8, g9, h8, h9], start=7, sides=[2])`` has the positions 7 8 9 8 9
and the slots 7 8 9 10 11, and what ``h9`` sees are A0-7 and the slots 10 and 11. If ``x8`` equals
``h8``, the keys of that chain are copied to where ``g8`` and ``g9`` stood.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from langchain_metaaligner.decode.pace import rounded_up
from langchain_metaaligner.decode.slots import SlotCache

_NAME = "metaaligner_slots"
_CHUNK = (
    128  # tokens of a wide row that attend together behind others: they see all to its end, which
)
# costs 64 keys a token more than a triangle would, where a mask for the whole row doubled its cost
_WIDE = 64  # rows with more tokens attend one by one: beside short rows they would be their padding


class Feed(NamedTuple):
    """Tokens of one row that a pass reads.

    Attributes:
        ids: the tokens: those that are new, guesses of what follows them, and other guesses.
        start: the position of the first of them.
        first: the index of the last new one, from which on it is asked what comes next.
        sides: how many of the last tokens are guesses that follow the new ones in place of all
            guesses before them: the length of each such chain.
    """

    ids: list[int]
    start: int
    first: int = 0
    sides: Sequence[int] = ()

    @property
    def positions(self) -> list[int]:
        """The position of each token: every chain of guesses follows the last new one."""
        behind = self.start + self.first + 1
        trunk = len(self.ids) - sum(self.sides)
        return [
            *range(self.start, self.start + trunk),
            *(place for side in self.sides for place in range(behind, behind + side)),
        ]


def packed(
    model: Any,
    kept: SlotCache,
    feeds: Sequence[Feed],
    choose: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> list[list[int]]:
    """One forward pass.

    Args:
        model: a causal language model. Its modules and its config are the caller's own, as this
            puts in another attention for the time of the pass (`models.twin`).
        kept: keys and values of the rows so far; those of the feeds are added.
        feeds: what each row reads, in the order of the cache.
        choose: makes token ids of the logits of all places that are asked for, row after row; None
            takes the likeliest.

    Returns:
        For each row the chosen token after each token of its feed, from the first asked one on.
    """
    device = model.device
    counts = [len(feed.ids) for feed in feeds]
    offsets = [0, *accumulate(counts)]
    rows = [row for row, count in enumerate(counts) for _ in range(count)]
    positions = [position for feed in feeds for position in feed.positions]
    slots = [feed.start + at for feed in feeds for at in range(len(feed.ids))]
    asked = [
        at
        for feed, start, end in zip(feeds, offsets, offsets[1:], strict=False)
        for at in range(start + feed.first, end)
    ]
    ids = [token for feed in feeds for token in feed.ids]
    # Few shapes occur: a new one costs the matrix library some time to prepare. What fills a pass
    # up goes to a slot that nobody sees.
    reach = max(slots) + 1
    filled = rounded_up(len(ids)) - len(ids)
    kept.expect(
        torch.tensor(rows + [0] * filled, device=device),
        torch.tensor(slots + [reach] * filled, device=device),
        len(feeds),
        reach + 1,
    )
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        logits = model(
            input_ids=torch.tensor([ids + [0] * filled], device=device),
            attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device),
            position_ids=torch.tensor([positions + [0] * filled], device=device),
            use_cache=True,
            logits_to_keep=torch.tensor(asked, device=device),
            spans=_spans(feeds, offsets, device),
            **{_cache_argument(type(model).forward): kept},
        ).logits
    finally:
        config._attn_implementation = before
    made = (choose(logits[0]) if choose else logits[0].argmax(-1)).tolist()
    ends = [0, *accumulate(len(feed.ids) - feed.first for feed in feeds)]
    return [made[start:end] for start, end in pairwise(ends)]


@cache
def _cache_argument(forward: Any) -> str:
    """What a model calls its cache: ``past_key_values`` is ``cache`` from transformers 5.24 on.

    It is asked once for a class of model: reading a signature takes 50 µs a pass.
    """
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


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
    spans, narrow = [], []
    for row, feed in enumerate(feeds):
        if len(feed.ids) <= _WIDE:
            narrow.append(row)
        elif feed.start == 0 and not feed.sides:
            spans.append(_span([row], feeds, offsets, device, causal=True))
        else:
            spans += [
                _span([row], feeds, offsets, device, begin)
                for begin in range(0, len(feed.ids), _CHUNK)
            ]
    return [*spans, _span(narrow, feeds, offsets, device)] if narrow else spans


def _span(
    rows: list[int],
    feeds: Sequence[Feed],
    offsets: Sequence[int],
    device: torch.device,
    begin: int = 0,
    causal: bool = False,
) -> _Span:
    """The tokens of some rows from ``begin`` on: all of them, or a chunk where that is not 0."""
    chunk = _CHUNK if len(rows) == 1 and not causal else None
    lengths = [len(feeds[row].ids[begin:][:chunk]) for row in rows]
    counts = torch.tensor(lengths, device=device)
    starts = torch.tensor([feeds[row].start + begin for row in rows], device=device)
    first = torch.tensor([offsets[row] + begin for row in rows], device=device)
    steps = torch.arange(max(lengths), device=device)
    real = steps < counts[:, None]
    # A place without a token attends to what the row's first one does; nobody reads the result.
    steps = torch.where(real, steps, 0)
    own = starts[:, None] + steps
    reach = int(own.max()) + 1
    visible = None
    if not causal:
        visible = (torch.arange(reach, device=device) <= own[..., None])[:, None]
        for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            _hide(visible[place, 0, :length], feeds[row], begin)
    together = rows == list(range(rows[0], rows[-1] + 1))
    return _Span(
        rows=slice(rows[0], rows[-1] + 1) if together else torch.tensor(rows, device=device),
        tokens=first[:, None] + steps,
        real=real,
        reach=reach,
        visible=visible,
    )


def _hide(visible: torch.Tensor, feed: Feed, begin: int) -> None:
    """Let chains of guesses see no guesses before their own.

    Args:
        visible: (tokens, reach), of the tokens of a feed from ``begin`` on; changed in place.
        feed: the row's.
        begin: index of the first of the tokens.
    """
    at = len(feed.ids) - sum(feed.sides)
    for side in feed.sides:
        hidden = slice(feed.start + feed.first + 1, feed.start + at)
        visible[max(0, at - begin) : max(0, at + side - begin), hidden] = False
        at += side


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
