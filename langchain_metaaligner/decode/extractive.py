"""Extractive editing: while it reads a draft, the model marks what is to go.

Such a checkpoint writes nothing of its own, so that an edit can only leave passages out, and takes
one pass over the prompt. Its marks are the logits of four tokens that no text contains: after the
last token of each word they tell whether the word stays, goes, goes with its clause as far as that
has come, or goes with its sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import linear

from langchain_metaaligner.decode.excise import passages, without
from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.passages import Word, words
from langchain_metaaligner.decode.row import Row
from langchain_metaaligner.errors import SettingError

_BEFORE, _BEHIND = " | Answer: ", " | Edit: "


class ExtractiveLoop:
    """Rows that are read together, each in one pass.

    Args:
        model: a checkpoint with ``marks``.
    """

    def __init__(self, model: DecoderModel) -> None:
        self._model = model
        self.rows: list[Row] = []

    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Take new rows in; none of them is complete yet."""
        self.rows += rows
        return []

    def step(self) -> list[Row]:
        """Read all prompts, and write their edits."""
        for row, text in zip(self.rows, self._edits(), strict=True):
            ids = self._model.encode_answer(text)
            row.extend(ids[: row.room])
            row.ended = row.ended or len(row.ids) == len(ids)
        complete, self.rows = self.rows, []
        return complete

    def drop(self, row: Row) -> None:
        """Leave a row as it stands."""
        self.rows.remove(row)

    def room(self, length: int) -> int | None:
        """None: how many rows fit is found out by trying."""
        return None

    def _edits(self) -> list[str]:
        drafts = [_draft(row) for row in self.rows]
        cut = [words(text) for text, _ in drafts]
        lasts = [
            _last_tokens(self._model.token_places(row.text), start, inside)
            for row, (_, start), inside in zip(self.rows, drafts, cut, strict=True)
        ]
        marks = self._read([row.prompt for row in self.rows], lasts)
        return [
            without(text, inside, passages(text, inside, odds, row.decoding.caution))
            for row, (text, _), inside, odds in zip(self.rows, drafts, cut, marks, strict=True)
        ]

    @torch.inference_mode()
    def _read(
        self, prompts: Sequence[Sequence[int]], places: Sequence[Sequence[int]]
    ) -> list[list[list[float]]]:
        """For each place of each prompt the logarithms of the odds of the three reaches."""
        model = self._model.model
        width = max(map(len, prompts))
        pad = self._model.pad_id
        # Filled up behind: no token sees what comes after it.
        ids = torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids in prompts])
        rows = [row for row, inside in enumerate(places) for _ in inside]
        columns = [place for inside in places for place in inside]
        with self._model.generating:
            states = model.get_decoder()(input_ids=ids.to(model.device)).last_hidden_state
            head = model.get_output_embeddings().weight[list(self._model.marks)]
            logits = linear(states[rows, columns], head).float()
        odds = torch.stack([_log_odds(logits, reach) for reach in (1, 2, 3)], -1)
        lines = iter(odds.tolist())
        return [list(islice(lines, len(inside))) for inside in places]


def _log_odds(marks: Tensor, reach: int) -> Tensor:
    return marks[:, reach:].logsumexp(-1) - marks[:, :reach].logsumexp(-1)


def _draft(row: Row) -> tuple[str, int]:
    """The draft in a prompt, and where it begins.

    Raises:
        SettingError: if the prompt is no edit prompt.
    """
    body = row.text.removesuffix(_BEHIND)
    if row.copied:
        start = body.rfind(row.copied)
        return row.copied, start
    question, mark, draft = body.rpartition(_BEFORE)
    if not mark or body == row.text:
        raise SettingError(
            f"{row.model.name!r} takes passages out of drafts and can answer nothing else. Give it "
            "the prompt of an edit template, as MetaAlignerRunnable does."
        )
    return draft, len(question) + len(mark)


def _last_tokens(
    places: Sequence[tuple[int, int]], start: int, inside: Sequence[Word]
) -> list[int]:
    """The token of a prompt that holds the last character of each word of the draft."""
    numbers, token = [], 0
    for word in inside:
        while places[token][1] < start + word.end:
            token += 1
        numbers.append(token)
    return numbers
