"""A row of a lookup loop, with the pointer that guesses for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from langchain_metaaligner.decode.dial import foretold, place_of
from langchain_metaaligner.decode.pace import Record
from langchain_metaaligner.decode.packed import Feed
from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.decode.pointer import Pointer, Side
from langchain_metaaligner.decode.prefixes import BLOCK
from langchain_metaaligner.decode.row import Row


class GuidedRow:
    """A row in a loop, with the pointer that guesses for it.

    Attributes:
        length: tokens of prompt and answer so far.
        unread: the last of them, which the model has not read yet: at first the whole prompt.
    """

    def __init__(self, row: Row) -> None:
        self.row = row
        decoding = row.decoding
        phrases = row.model.phrases if decoding.remember else Phrases(most=0)
        self.pointer = Pointer([*row.draft, *row.prompt], len(row.draft), phrases, decoding.tenant)
        self.pointer.follow(row.ids)
        self.record = Record(row.model.pace)
        self.place = place_of(row)
        self.unread = row.tokens
        self.length = len(self.unread)
        self._new = decoding.remember
        self._guess: list[int] = []
        self._sides: list[Side] = []
        self._shown: list[list[int]] = [[]]

    def beginning(self) -> list[int]:
        """What of the prompt may be kept once it was read, told only once: all before its draft.

        The draft itself is another one in every prompt. Where it stands is not known to the token;
        behind it come a few more, so that a block less is safe.
        """
        if not self._new:
            return []
        self._new = False
        behind = len(self.row.draft) + BLOCK if self.row.draft else 0
        return self.row.prompt[: max(0, len(self.row.prompt) - behind)]

    def propose(self, most: int) -> list[list[float]]:
        """Guess what comes next, at most ``most`` tokens at a time.

        Returns:
            How likely the first, the second, … guess of each chain comes true. The first chain is
            the likeliest; the others are the pointer's `Side`s.
        """
        most = min(most, self.row.room - 1)  # the model's own token after them has room too
        self._guess = self.pointer.guess(most)
        self._sides = self.pointer.sides(most)
        return [
            self.record.reaches(self.pointer.foretold, len(self._guess)),
            *(self.record.side_reaches(kind, len(tokens)) for kind, tokens in self._sides),
        ]

    def feed(self, numbers: Sequence[int]) -> Feed:
        """What the model is to read: what it has not yet, and so many guesses of each chain."""
        chains = [self._guess, *(tokens for _, tokens in self._sides)]
        self._shown = [guesses[:number] for guesses, number in zip(chains, numbers, strict=True)]
        return Feed(
            [*self.unread, *chain.from_iterable(self._shown)],
            self.length - len(self.unread),
            len(self.unread) - 1,
            [len(side) for side in self._shown[1:]],
        )

    def favoured(self) -> list[int | None]:
        """The draft's tokens after the last token and after each guess, where the dial is on."""
        if self.place is None:
            return [None] * (1 + sum(map(len, self._shown)))
        trunk, *sides = self._shown
        behind = [token for side in sides for token in foretold(self.place, side)[1:]]
        return [*foretold(self.place, trunk), *behind]

    def take(self, made: Sequence[int]) -> range:
        """Keep the guesses that the model agrees with, and the token that it makes after them.

        Args:
            made: what the model makes after the last token, and after each guess of its feed.

        Returns:
            The places within the feed of the guesses that were right, where they stand behind
            guesses that were wrong; else an empty range.
        """
        tokens, before = [made[0]], 0
        for guesses in self._shown:
            if guesses[:1] == tokens:
                break
            before += len(guesses)
        else:
            guesses = []
        for guess, following in zip(guesses, made[1 + before :], strict=False):
            if guess != tokens[-1]:
                break
            tokens.append(following)
        self._learn(tokens, made)
        behind = len(self.unread) + before
        self.pointer.follow(tokens)
        if self.place is not None:
            self.place.follow(*tokens)
        self.row.extend(tokens[: self.row.room])
        self.length += len(tokens)
        self.unread = tokens[-1:]
        return range(behind, behind + len(tokens) - 1) if before else range(0)

    def _learn(self, tokens: Sequence[int], made: Sequence[int]) -> None:
        """Take note of what the guesses were worth, also of those that were not shown."""
        right = 0
        for guess, token in zip(self._guess, tokens, strict=False):
            if guess != token:
                break
            right += 1
        self.pointer.heed(made[: len(self._shown[0])], right)
        tried = min(len(self._guess), len(tokens))
        self.record.verified(self.pointer.foretold, right, tried)
        for kind, side in self._sides:
            self.row.model.pace.learned_side(kind, side[0] == tokens[0])
