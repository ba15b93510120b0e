"""Decoding by transformers' own ``generate``: sampling, and models without a fast path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from langchain_metaaligner.decode.dial import DialProcessor, place_of
from langchain_metaaligner.decode.row import Row


class PlainLoop:
    """Rows that ``generate`` decodes together."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Take new rows in; none of them is complete yet."""
        self.rows += rows
        return []

    def step(self) -> list[Row]:
        """Decode all rows as far as the fullest of them has room.

        Returns:
            The rows that are complete.
        """
        for row, new in zip(self.rows, generate(self.rows), strict=True):
            row.extend(new)
        complete = [row for row in self.rows if not row.open]
        self.rows = [row for row in self.rows if row.open]
        return complete

    def drop(self, row: Row) -> None:
        """Leave a row as it stands."""
        self.rows.remove(row)

    def room(self, length: int) -> int | None:
        """None: how many rows fit is found out by trying."""
        return None


def generate(batch: Sequence[Row], streamer: BaseStreamer | None = None) -> list[list[int]]:
    """One call of ``model.generate``, padded on the left, as far as every row has room.

    A row ends early once nobody waits for it.

    Args:
        batch: at least one row, all of one model and the same generation options.
        streamer: is shown the ids as they are made.

    Returns:
        The new ids of each row. One that ended before others is filled with pad ids.
    """
    model, decoding = batch[0].model, batch[0].decoding
    prompts = [row.tokens for row in batch]
    width = max(map(len, prompts))
    device = model.model.device
    with model.generating, _seeded(decoding.seed, device):
        output = model.model.generate(
            input_ids=torch.tensor(
                [[model.pad_id] * (width - len(ids)) + ids for ids in prompts], device=device
            ),
            attention_mask=torch.tensor(
                [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device
            ),
            generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                **{"do_sample": False, **decoding.options},
                max_new_tokens=min(row.room for row in batch),
            ),
            stopping_criteria=StoppingCriteriaList([_Ended(batch, width)]),
            logits_processor=LogitsProcessorList(_dial(batch, width)),
            streamer=streamer,
        )
    new: list[list[int]] = output[:, width:].tolist()
    return new


@contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Draw by a seed, and leave torch's own draws as they were."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _dial(batch: Sequence[Row], width: int) -> list[DialProcessor]:
    """The dial, where it is on and decoding is greedy."""
    decoding = batch[0].decoding
    if decoding.options.get("do_sample") or decoding.beams > 1:
        return []
    places = [place_of(row) for row in batch]
    cautions = [row.decoding.caution for row in batch]
    return [DialProcessor(places, cautions, width)] if any(places) else []


class _Ended(StoppingCriteria):
    """Ends each row of a batch once its answer holds a stop text, or nobody waits for it."""

    def __init__(self, batch: Sequence[Row], width: int) -> None:
        self._rows = [(row, list(row.ids)) for row in batch]
        self._width = width

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.Tensor] | None, **kwargs: Any
    ) -> Any:
        beams = len(input_ids) // len(self._rows)
        ended = [
            row.claim.lapsed or self._stopped(row, before + ids[self._width :])
            for (row, before), group in zip(
                self._rows, input_ids.view(-1, beams, input_ids.shape[1]).tolist(), strict=True
            )
            for ids in group
        ]
        return torch.tensor(ended, device=input_ids.device)

    @staticmethod
    def _stopped(row: Row, ids: Sequence[int]) -> bool:
        return bool(row.decoding.stop) and row.decoding.cut(row.model.decode(ids)) is not None
