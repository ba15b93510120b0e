"""Lookup decoding in batches: the tokens of greedy decoding in a fraction of the forward passes.

Each pass verifies, for every row, the tokens that its `Pointer` guesses. Every row keeps what the
model agrees with, plus the token that the model makes itself; rows advance unevenly, finished ones
leave, and new ones take their place.

The prompts are padded on the right, and the key and value of a token lie in the slot of the cache
that has the number of its position. A query sees the slots up to its own position only. So the
keys of rejected guesses and of padding are never seen, and are overwritten once the row gets there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from langchain_metaaligner.models.checkpoint import Checkpoint
from langchain_metaaligner.models.drafting import Pointer, Track, best_width
from langchain_metaaligner.models.generation import Answer

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
"""Model types with one head, standard attention and a standard cache."""

_BOUNDARY = 256  # slots are added in blocks of so many
_MEMORY_SHARE = 0.8  # of the free memory of a CUDA device, for keys and values


def obstacle(checkpoint: Checkpoint) -> str | None:
    """Why lookup decoding cannot run on a checkpoint; None where it can."""
    config = checkpoint.model.config
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    devices = set((getattr(checkpoint.model, "hf_device_map", None) or {"": 0}).values())
    attention = config._attn_implementation
    if config.model_type not in FAMILIES:
        return f"models of the type {config.model_type!r} have no fast path"
    if layers != {"full_attention"}:
        return f"its layers are {', '.join(sorted(layers))}"
    if rope in ("dynamic", "longrope"):
        return f"its positions ({rope}) depend on the length of the text"
    if attention not in ("sdpa", "eager"):
        return f"its attention is {attention!r}, not 'sdpa' or 'eager'"
    return "its layers lie on several devices" if len(devices) > 1 else None


class LookupLoop:
    """Rows that are decoded together.

    Args:
        checkpoint: a model without an `obstacle`.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._cache = _SlotCache(checkpoint.model.config.num_hidden_layers)
        self._rows: list[_Row] = []
        self._eager = checkpoint.model.config._attn_implementation == "eager"

    @property
    def answers(self) -> list[Answer]:
        """The answers that are still being made."""
        return [row.answer for row in self._rows]

    def room(self, length: int) -> int | None:
        """How many rows of ``length`` tokens fit into memory; None where that is not known."""
        device = self._checkpoint.model.device
        if device.type != "cuda":
            return None
        config = self._checkpoint.model.config
        heads = config.num_key_value_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        bytes_a_token = (
            2 * config.num_hidden_layers * heads * size * self._checkpoint.model.dtype.itemsize
        )
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, int(_MEMORY_SHARE * free / (bytes_a_token * length)))

    def admit(self, answers: Sequence[Answer]) -> list[Answer]:
        """Take new answers in and make the first token of each.

        Returns:
            Those among them that are complete already.
        """
        for group in _alike(answers):
            self._prefill([_Row(answer) for answer in group])
        return self._leave()

    def step(self) -> list[Answer]:
        """One forward pass over all rows.

        Returns:
            The answers that it completed.
        """
        gains = [row.track.gains(min(row.answer.room - 1, 63)) for row in self._rows]
        width = best_width(gains, self._checkpoint.pace)
        # Without guesses to verify, the first is still compared with what the model makes.
        guesses = [row.guess(max(1, width - 1)) for row in self._rows]
        width = min(width, 1 + max(map(len, guesses)))
        made = self._forward([guess[: width - 1] for guess in guesses], width)
        for row, guess, tokens in zip(self._rows, guesses, made, strict=True):
            row.take(guess[: max(1, width - 1)], tokens, min(width - 1, len(guess)))
        return self._leave()

    def drop(self, answer: Answer) -> None:
        """Leave an answer as it stands."""
        self._leave(dropped=answer)

    @torch.inference_mode()
    def _prefill(self, rows: list[_Row]) -> None:
        lengths = [row.length for row in rows]
        width = max(lengths)
        first = len(self._rows)
        last = sorted({length - 1 for length in lengths})
        device = self._checkpoint.model.device
        pad = self._checkpoint.pad_id
        self._cache.prefill(first, len(rows), width)
        with self._checkpoint.generating:
            before = time.perf_counter()
            logits = self._checkpoint.model(
                input_ids=torch.tensor(
                    [row.answer.row + [pad] * (width - row.length) for row in rows], device=device
                ),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=torch.tensor(last, device=device),
            ).logits
            made = logits.argmax(-1).tolist()
            self._checkpoint.pace.passed(width * len(rows), time.perf_counter() - before)
        self._rows += rows
        for row, tokens in zip(rows, made, strict=True):
            row.take([], [tokens[last.index(row.length - 1)]], 0)

    @torch.inference_mode()
    def _forward(self, guesses: Sequence[Sequence[int]], width: int) -> list[list[int]]:
        device, pad = self._checkpoint.model.device, self._checkpoint.pad_id
        ids = torch.tensor(
            [
                [row.last, *guess] + [pad] * (width - 1 - len(guess))
                for row, guess in zip(self._rows, guesses, strict=True)
            ],
            device=device,
        )
        starts = [row.length - 1 for row in self._rows]
        reach = max(starts) + width
        positions = torch.tensor(starts, device=device)[:, None] + torch.arange(
            width, device=device
        )
        visible = torch.arange(reach, device=device)[None, None] <= positions[:, :, None]
        mask = visible[:, None]
        if self._eager:  # which adds its mask to the scores
            dtype = self._checkpoint.model.dtype
            mask = torch.zeros(mask.shape, dtype=dtype, device=device).masked_fill(
                ~mask, torch.finfo(dtype).min
            )
        self._cache.extend(positions, reach)
        with self._checkpoint.generating:
            before = time.perf_counter()
            logits = self._checkpoint.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=self._cache,
                use_cache=True,
            ).logits
            made: list[list[int]] = logits.argmax(-1).tolist()
            self._checkpoint.pace.passed(ids.numel(), time.perf_counter() - before)
        return made

    def _leave(self, dropped: Answer | None = None) -> list[Answer]:
        """Take out the rows that are complete; the last rows move into their places."""
        left = []
        for place in reversed(range(len(self._rows))):
            answer = self._rows[place].answer
            if answer is dropped or not answer.open:
                left.append(answer)
                last = self._rows.pop()
                if place < len(self._rows):
                    self._rows[place] = last
                    self._cache.move(len(self._rows), place)
        return left


class _Row:
    """One answer in a loop.

    Attributes:
        length: tokens of prompt and answer so far. The key of the last one is not in the cache.
        last: the last token.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        source = answer.prompt
        pointer = Pointer(source, *draft_span(answer))
        pointer.follow(answer.ids)
        self.track = Track(pointer, answer.checkpoint.pace)
        self.length = len(answer.row)
        self.last = answer.row[-1]

    def guess(self, most: int) -> list[int]:
        """Guesses for the next tokens; the model's own token after them has room too."""
        return self.track.pointer.guess(min(most, self.answer.room - 1))

    def take(self, guess: Sequence[int], made: Sequence[int], verified: int) -> None:
        """Keep the guesses that the model agrees with, and the token that it makes after them.

        Args:
            guess: the tokens guessed, of which the first ``verified`` were shown to the model.
            made: what the model makes after the last token, after the first guess, ….
            verified: how many guesses were shown.
        """
        right = 0
        while right < verified and guess[right] == made[right]:
            right += 1
        tokens = list(made[: right + 1])
        foreseen = right + (right == verified and right < len(guess) and guess[right] == tokens[-1])
        self.track.verified(guess, foreseen)
        self.track.pointer.follow(tokens)
        self.answer.extend(tokens[: self.answer.room])
        self.length += len(tokens)
        self.last = tokens[-1]


def draft_span(answer: Answer) -> tuple[int, int]:
    """Where the draft answer stands among the prompt's tokens, as well as that can be told."""
    text = answer.text
    start, end = text.rfind("| Answer:"), text.rfind("| Edit:")
    if not 0 <= start < end:
        return len(answer.prompt), len(answer.prompt)
    encode, whole = answer.checkpoint.encode, len(answer.prompt)
    before, after = encode([text[: start + len("| Answer:")], text[:end]])
    return min(len(before), whole), min(len(after), whole)


def _alike(answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    """Groups of which no row is less than half as long as the longest: little padding."""
    group: list[Answer] = []
    for answer in sorted(answers, key=lambda one: -len(one.row)):
        if group and 2 * len(answer.row) < len(group[0].row):
            yield group
            group = []
        group.append(answer)
    if group:
        yield group


class _SlotCache(Cache):
    """Keys and values of all layers, in slots that rows of uneven length share."""

    def __init__(self, layers: int) -> None:
        self.place = _Place()
        self._layers = [_SlotLayer(self.place) for _ in range(layers)]
        super().__init__(layers=list(self._layers))

    def prefill(self, first: int, rows: int, width: int) -> None:
        """Expect the keys of ``rows`` new rows behind ``first`` ones, from slot 0 on."""
        self.place.rows, self.place.positions, self.place.reach = (first, first + rows), None, width

    def extend(self, positions: torch.Tensor, reach: int) -> None:
        """Expect keys of all rows at ``positions`` (rows, width); slots up to ``reach`` count."""
        self.place.rows, self.place.reach = (0, len(positions)), reach
        self.place.positions = positions

    @torch.inference_mode()
    def move(self, row: int, to: int) -> None:
        """Copy a row over another one."""
        for layer in self._layers:
            layer.k[to] = layer.k[row]
            layer.v[to] = layer.v[row]


class _Place:
    """Where the keys of the coming pass go."""

    rows: tuple[int, int]
    positions: torch.Tensor | None
    reach: int


class _SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """The slots of one layer: (rows, heads, slots, size of a head)."""

    is_sliding = False

    k: torch.Tensor
    v: torch.Tensor

    def __init__(self, place: _Place) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.place = place

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
        """Store the keys and values of a pass; return those that its queries may see."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        (first, end), reach, positions = self.place.rows, self.place.reach, self.place.positions
        self.k = _grown(self.k, end, reach)
        self.v = _grown(self.v, end, reach)
        if positions is None:
            self.k[first:end, :, :reach] = key_states
            self.v[first:end, :, :reach] = value_states
            return key_states, value_states
        rows = torch.arange(end, device=positions.device)[:, None]
        self.k[rows, :, positions] = key_states.transpose(1, 2)
        self.v[rows, :, positions] = value_states.transpose(1, 2)
        return self.k[:end, :, :reach], self.v[:end, :, :reach]

    def get_seq_length(self) -> int:
        """0: positions are always given."""
        return 0

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """The slots that count, and the first of them."""
        return self.place.reach, 0

    def get_max_length(self) -> int:
        """-1: there is no limit."""
        return -1


def _grown(slots: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    """The slots, with room for so many rows and tokens."""
    have_rows, heads, have_length, size = slots.shape
    if rows <= have_rows and length <= have_length:
        return slots
    blocks = -(-length // _BOUNDARY)
    grown = slots.new_zeros(max(rows, have_rows), heads, max(blocks * _BOUNDARY, have_length), size)
    grown[:have_rows, :, :have_length] = slots
    return grown
