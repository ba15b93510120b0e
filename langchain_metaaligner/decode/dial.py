"""The dial: where it is nearly a tie, an edit goes on as its draft does.

A model that edits copies nearly always, and where it leaves the draft by a hair it mostly should
not have. With a caution of ``c`` the token that the draft would go on with is taken if its logit is
within ``c`` of the highest: fewer repairs, and less damage, without training. 0 is plain greedy
decoding.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor

from langchain_metaaligner.decode.row import Row


class Place:
    """Which token of its draft an edit would go on with, as far as that is certain.

    It depends on the tokens made alone, never on guesses or batches: decoding token by token and
    decoding by lookup turn at the same places.

    Args:
        draft: token ids of the draft, with the end of sequence.

    >>> place = Place([5, 6, 7, 8, 2])
    >>> place.follow(5), place.next
    (None, 6)
    >>> place.follow(8), place.next  # 6 and 7 were taken out
    (None, 2)
    """

    def __init__(self, draft: Sequence[int]) -> None:
        self._draft = draft
        self._at: int | None = 0
        self._behind = 0  # where the edit was when its place was last known
        self._before: int | None = None  # the token made before

    @property
    def next(self) -> int | None:
        """The draft's next token; None where the edit is on its own, or the draft has ended."""
        known = self._at is not None and self._at < len(self._draft)
        return self._draft[self._at] if known and self._at is not None else None

    def follow(self, *tokens: int) -> None:
        """Take note of tokens that were made.

        After a departure the place is known again when the rest of the draft has the token once, or
        has it behind the one made before: where the model came back is never guessed, or the dial
        would pull it into what it took out.
        """
        for token in tokens:
            self._follow(token)

    def _follow(self, token: int) -> None:
        if self._at is not None and self.next == token:
            self._at += 1
        else:
            ahead = range(self._behind, len(self._draft))
            matches = [at for at in ahead if self._draft[at] == token]
            pairs = [
                at for at in matches if at > self._behind and self._draft[at - 1] == self._before
            ]
            sure = pairs[:1] or (matches if len(matches) == 1 else [])
            self._at = sure[0] + 1 if sure else None
        self._before = token
        self._behind = self._behind if self._at is None else self._at


def place_of(row: Row) -> Place | None:
    """Where an edit stands in its draft; None where the dial is off, or there is no draft."""
    if not row.decoding.caution or not row.draft:
        return None
    place = Place([*row.draft, row.model.tokenizer.eos_token_id])
    place.follow(*row.ids)
    return place


def foretold(place: Place, guesses: Sequence[int]) -> list[int | None]:
    """The draft's next token now, and after each guess if it and those before come true.

    Returns:
        One more than there are guesses. The place itself is left as it is.
    """
    place = copy.copy(place)
    tokens = [place.next]
    for token in guesses:
        place.follow(token)
        tokens.append(place.next)
    return tokens


def dialled(logits: Tensor, favoured: Sequence[int | None], caution: Sequence[float]) -> Tensor:
    """The tokens that the dial takes.

    Args:
        logits: (positions, vocabulary).
        favoured: for each position the draft's next token, if that is known.
        caution: for each position how far its logit may be below the highest.

    Returns:
        One token id a position.

    >>> logits = torch.tensor([[1.0, 3.0, 2.5]] * 3)
    >>> dialled(logits, [2, 2, None], [0.5, 0.25, 9.0]).tolist()
    [2, 1, 1]
    """
    best = logits.argmax(-1)  # of equal ones the same that plain greedy decoding takes
    known = torch.tensor([token is not None for token in favoured], device=logits.device)
    ids = torch.tensor([token or 0 for token in favoured], device=logits.device)
    most = torch.tensor(list(caution), device=logits.device, dtype=torch.float32)
    highest, other = (logits.gather(-1, one[:, None])[:, 0].float() for one in (best, ids))
    lag = highest - other
    return torch.where(known & (lag <= most), ids, best)


class DialProcessor(LogitsProcessor):
    """The dial for transformers' ``generate``: makes the token that the dial takes the best one.

    Args:
        places: where each row's edit stands; None where the dial is off.
        caution: of each row.
        width: tokens of the prompts, padding included.
    """

    def __init__(
        self, places: Sequence[Place | None], caution: Sequence[float], width: int
    ) -> None:
        self._places, self._caution, self._seen = list(places), list(caution), width

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Raise the score of one token a row above all others."""
        new = input_ids[:, self._seen :].tolist()
        for place, row in zip(self._places, new, strict=True):
            if place is not None:
                place.follow(*row)
        self._seen = input_ids.shape[1]
        favoured = [place.next if place else None for place in self._places]
        taken = dialled(scores, favoured, self._caution)
        return scores.scatter(1, taken[:, None], scores.max(-1, keepdim=True).values + 1)
