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
from itertools import chain, islice

import torch

from langchain_metaaligner.decode.dial import dialled
from langchain_metaaligner.decode.guided import GuidedRow
from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.pace import best_numbers
from langchain_metaaligner.decode.packed import Feed, packed
from langchain_metaaligner.decode.row import GUESSES, Row
from langchain_metaaligner.decode.slots import SlotCache

_MEMORY_SHARE = 0.8  # of the free memory of a CUDA device for keys and values; the pass needs some
_LOOKED_AT = 2048  # guesses of all rows together: 64 rows with 256 each took 25 ms to weigh a pass,
_FEW = 16  # as long as a pass of a 1.1B model on a GPU; so many of each row are always looked at


class LookupLoop:
    """Rows that are decoded together.

    Args:
        model: a model without an `obstacle.obstacle`.
        guesses: guesses that are looked at in one row, at most.
    """

    def __init__(self, model: DecoderModel, guesses: int = GUESSES) -> None:
        self._model = model
        self._guesses = guesses
        self._cache = SlotCache(model.model.config.num_hidden_layers)
        self._rows: list[GuidedRow] = []

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
        """Take new rows in; none of them is complete yet.

        What was kept of the beginnings of their prompts is not read again. The last token always
        is: what comes after it has to be made.
        """
        kept = {}
        for row in rows:
            guided = GuidedRow(row)
            numbers = self._model.prefixes.find(guided.unread[:-1], row.decoding.tenant)
            if numbers is not None:
                kept[len(self._rows)] = numbers
                guided.unread = guided.unread[numbers.shape[3] :]
            self._rows.append(guided)
        if kept:
            self._cache.write(kept, max(guided.length for guided in self._rows))
        return []

    def step(self) -> list[Row]:
        """One forward pass over all rows.

        Returns:
            The rows that it completed.
        """
        started = time.perf_counter()
        most = min(self._guesses, max(_FEW, _LOOKED_AT // max(1, len(self._rows))))
        offers = [guided.propose(most) for guided in self._rows]
        chains = [chances for offer in offers for chances in offer]
        numbers = iter(best_numbers(chains, self._model.pace.costs, len(self._rows)))
        feeds = [
            guided.feed(list(islice(numbers, len(offer))))
            for guided, offer in zip(self._rows, offers, strict=True)
        ]
        made, waited = self._forward(feeds)
        for at, (guided, feed, new) in enumerate(zip(self._rows, feeds, made, strict=True)):
            if beginning := guided.beginning():
                read, tenant = partial(self._cache.read, at), guided.row.decoding.tenant
                self._model.prefixes.keep(beginning, read, tenant)
            if right := guided.take(new):
                to = feed.start + feed.first + 1
                self._cache.shift(at, feed.start + right.start, to, len(right))
        # What is computed here for the sake of guesses is part of their price.
        tokens = sum(len(feed.ids) for feed in feeds)
        self._model.pace.passed(tokens, time.perf_counter() - started - waited)
        return self._leave()

    def drop(self, row: Row) -> None:
        """Leave a row as it stands."""
        self._leave(dropped=row)

    @torch.inference_mode()
    def _forward(self, feeds: Sequence[Feed]) -> tuple[list[list[int]], float]:
        """What the model makes after each token of a row's feed, from its ``first`` on.

        Returns:
            The tokens, and the seconds that this waited for another pass on the same weights.
        """
        choose = None
        if any(guided.place for guided in self._rows):
            favoured = [guided.favoured() for guided in self._rows]
            cautions = [
                guided.row.decoding.caution
                for guided, row in zip(self._rows, favoured, strict=True)
                for _ in row
            ]
            choose = partial(
                dialled, favoured=list(chain.from_iterable(favoured)), caution=cautions
            )
        before = time.perf_counter()
        with self._model.generating:
            waited = time.perf_counter() - before
            try:
                return packed(self._model.model, self._cache, feeds, choose), waited
            except torch.cuda.OutOfMemoryError:
                self._model.prefixes.clear()  # gives way first: it only makes prompts faster
                raise

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
