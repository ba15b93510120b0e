"""Decoding by transformers' own ``generate``: sampling, and models without a fast path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from langchain_metaaligner.decode.answer import Answer
from langchain_metaaligner.decode.dial import DialProcessor
from langchain_metaaligner.decode.lookup import place_of


class PlainLoop:
    """Rows that ``generate`` decodes together."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def admit(self, answers: Sequence[Answer]) -> list[Answer]:
        """Take new answers in; none of them is complete yet."""
        self.answers += answers
        return []

    def step(self) -> list[Answer]:
        """Decode all rows as far as the fullest of them has room.

        Returns:
            The answers that are complete.
        """
        for answer, new in zip(self.answers, generate(self.answers), strict=True):
            answer.extend(new)
        complete = [answer for answer in self.answers if not answer.open]
        self.answers = [answer for answer in self.answers if answer.open]
        return complete

    def drop(self, answer: Answer) -> None:
        """Leave an answer as it stands."""
        self.answers.remove(answer)

    def room(self, length: int) -> int | None:
        """None: how many rows fit is found out by trying."""
        return None


def generate(
    batch: Sequence[Answer],
    criteria: Sequence[StoppingCriteria] = (),
    streamer: BaseStreamer | None = None,
) -> list[list[int]]:
    """One call of ``model.generate``, padded on the left, as far as every answer has room.

    Args:
        batch: at least one answer, all of one checkpoint and the same generation options.
        criteria: may end rows early.
        streamer: is shown the ids as they are made.

    Returns:
        The new ids of each answer. A row that ended before others is filled with pad ids.
    """
    checkpoint, decoding = batch[0].checkpoint, batch[0].decoding
    rows = [answer.row for answer in batch]
    width = max(map(len, rows))
    device = checkpoint.model.device
    if any(answer.decoding.stop for answer in batch):
        criteria = [*criteria, _StopTexts(batch, width)]
    with checkpoint.generating:
        output = checkpoint.model.generate(
            input_ids=torch.tensor(
                [[checkpoint.pad_id] * (width - len(row)) + row for row in rows], device=device
            ),
            attention_mask=torch.tensor(
                [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device
            ),
            generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                **{"do_sample": False, **decoding.options},
                max_new_tokens=min(answer.room for answer in batch),
            ),
            stopping_criteria=StoppingCriteriaList(criteria),
            logits_processor=LogitsProcessorList(_dial(batch, width)),
            streamer=streamer,
        )
    new: list[list[int]] = output[:, width:].tolist()
    return new


def _dial(batch: Sequence[Answer], width: int) -> list[DialProcessor]:
    """The dial, where it is on and decoding is greedy."""
    options = batch[0].decoding.options
    if options.get("do_sample") or int(options.get("num_beams") or 1) > 1:
        return []
    places = [place_of(answer) for answer in batch]
    cautions = [answer.decoding.caution for answer in batch]
    return [DialProcessor(places, cautions, width)] if any(places) else []


class _StopTexts(StoppingCriteria):
    """Ends each row of a batch once its answer holds a stop text."""

    def __init__(self, batch: Sequence[Answer], width: int) -> None:
        self.rows = [(answer, list(answer.ids)) for answer in batch]
        self.width = width

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.Tensor] | None, **kwargs: Any
    ) -> Any:
        new = input_ids[:, self.width :].tolist()
        ended = [
            answer.decoding.cut(answer.checkpoint.decode(before + ids)) is not None
            for (answer, before), ids in zip(self.rows, new, strict=True)
        ]
        return torch.tensor(ended, device=input_ids.device)
