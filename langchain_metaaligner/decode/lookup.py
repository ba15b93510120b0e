"""Lookup decoding in batches: the tokens of greedy decoding in a fraction of the forward passes.

Each pass verifies, for every row, the tokens that its `Pointer` guesses. Every row keeps what the
model agrees with, plus the token that the model makes itself; rows advance unevenly, finished ones
leave, and new ones join, whose prompts are read in the same pass.

A row without a draft, which is any prompt that is no edit, is decoded alike: its guesses come from
`Phrases` and from the prompt itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from langchain_metaaligner.decode.dial import dialled, foretold, place_of
from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.pace import Record, best_numbers
from langchain_metaaligner.decode.packed import Feed, SlotCache, packed
from langchain_metaaligner.decode.pointer import Pointer
from langchain_metaaligner.decode.row import GUESSES, Row

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
"""Model types with one head, standard attention and a standard cache."""

_MEMORY_SHARE = 0.8  # of the free memory of a CUDA device for keys and values; the pass needs some
_LOOKED_AT = 2048  # guesses of all rows together: 64 rows with 256 each took 25 ms to weigh a pass,
_FEW = 16  # as long as a pass of a 1.1B model on a GPU; so many of each row are always looked at


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


class LookupLoop:
    """Rows that are decoded together.

    Args:
        model: a model without an `obstacle`.
        guesses: guesses that are looked at in one row, at most.
    """

    def __init__(self, model: DecoderModel, guesses: int = GUESSES) -> None:
        self._model = model
        self._guesses = guesses
        self._cache = SlotCache(model.model.config.num_hidden_layers)
        self._rows: list[_GuidedRow] = []

    @property
    def rows(self) -> list[Row]:
        """The rows that are not complete yet."""
        return [guided.row for guided in self._rows]

    def room(self, length: int) -> int | None:
        """How many rows of ``length`` tokens fit into memory; None where that is not known."""
        model = self._model.model
        if model.device.type != "cuda":
            return None
        config = model.config
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        numbers_a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * size
        free, _ = torch.cuda.mem_get_info(model.device)
        return max(1, int(_MEMORY_SHARE * free / (numbers_a_token * model.dtype.itemsize * length)))

    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Take new rows in; none of them is complete yet."""
        self._rows += [_GuidedRow(row) for row in rows]
        return []

    def step(self) -> list[Row]:
        """One forward pass over all rows.

        Returns:
            The rows that it completed.
        """
        most = min(self._guesses, max(_FEW, _LOOKED_AT // max(1, len(self._rows))))
        guesses = [guided.guess(most) for guided in self._rows]
        reaches = [guided.reaches(guess) for guided, guess in zip(self._rows, guesses, strict=True)]
        numbers = best_numbers(reaches, self._model.pace.costs)
        feeds = [
            Feed(guided.unread + guess[:number], guided.length - len(guided.unread))
            for guided, guess, number in zip(self._rows, guesses, numbers, strict=True)
        ]
        favoured = [
            guided.favoured(guess[:number])
            for guided, guess, number in zip(self._rows, guesses, numbers, strict=True)
        ]
        made = self._forward(feeds, [len(guided.unread) - 1 for guided in self._rows], favoured)
        for guided, guess, number, tokens in zip(self._rows, guesses, numbers, made, strict=True):
            guided.take(guess, tokens, number)
        return self._leave()

    def drop(self, row: Row) -> None:
        """Leave a row as it stands."""
        self._leave(dropped=row)

    @torch.inference_mode()
    def _forward(
        self,
        feeds: Sequence[Feed],
        firsts: Sequence[int],
        favoured: Sequence[Sequence[int | None]],
    ) -> list[list[int]]:
        """What the model makes after each token of a row's feed, from its ``first`` on."""
        cautions = [guided.row.decoding.caution for guided in self._rows]
        spread = [one for one, row in zip(cautions, favoured, strict=True) for _ in row]
        flat = [token for row in favoured for token in row]
        choose = partial(dialled, favoured=flat, caution=spread) if any(cautions) else None
        with self._model.generating:
            before = time.perf_counter()
            made = packed(self._model.model, self._cache, feeds, firsts, choose)
            tokens = sum(len(feed.ids) for feed in feeds)
            self._model.pace.passed(tokens, time.perf_counter() - before)
        return made

    def _leave(self, dropped: Row | None = None) -> list[Row]:
        """Take out the rows that are complete; the last rows move into their places."""
        left = []
        for place in reversed(range(len(self._rows))):
            row = self._rows[place].row
            if row is dropped or not row.open:
                left.append(row)
                last = self._rows.pop()
                if place < len(self._rows):
                    self._rows[place] = last
                    self._cache.move(len(self._rows), place)
        return left


class _GuidedRow:
    """A row in a loop, with the pointer that guesses for it.

    Attributes:
        length: tokens of prompt and answer so far.
        unread: the last of them, which the model has not read yet: at first the whole prompt.
    """

    def __init__(self, row: Row) -> None:
        self.row = row
        self.pointer = Pointer([*row.draft, *row.prompt], len(row.draft), row.model.phrases)
        self.pointer.follow(row.ids)
        self.record = Record(row.model.pace)
        self.place = place_of(row)
        self.unread = row.tokens
        self.length = len(self.unread)

    def favoured(self, guess: Sequence[int]) -> list[int | None]:
        """The draft's tokens after the last token and after each guess, where the dial is on."""
        return foretold(self.place, guess) if self.place else [None] * (len(guess) + 1)

    def guess(self, most: int) -> list[int]:
        """Guesses for the next tokens; the model's own token after them has room too."""
        return self.pointer.guess(min(most, self.row.room - 1))

    def reaches(self, guess: Sequence[int]) -> list[float]:
        """How likely the first, the second, … of its guesses comes true."""
        return self.record.reaches(self.pointer.foretold, len(guess))

    def take(self, guess: Sequence[int], made: Sequence[int], verified: int) -> None:
        """Keep the guesses that the model agrees with, and the token that it makes after them.

        Args:
            guess: the tokens guessed, of which the first ``verified`` were shown to the model. The
                next is compared with what the model makes all the same.
            made: what the model makes after the last token, after the first guess, ….
            verified: how many guesses were shown.
        """
        right = 0
        while right < verified and guess[right] == made[right]:
            right += 1
        tokens = list(made[: right + 1])
        foreseen = right + (right == verified and right < len(guess) and guess[right] == tokens[-1])
        self.record.verified(self.pointer.foretold, foreseen, len(guess[: right + 1]))
        self.pointer.follow(tokens)
        if self.place is not None:
            self.place.follow(*tokens)
        self.row.extend(tokens[: self.row.room])
        self.length += len(tokens)
        self.unread = tokens[-1:]
