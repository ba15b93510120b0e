"""Guesses of an edit's next tokens: where it stands in the draft that it copies.

An edit mostly copies its draft. A `Pointer` follows it through the draft, comes back behind what
was taken out, put in or replaced, and says what would come next. The draft is "the pump is old, you
fool", the edit so far "the pump is":

    source   the  pump  is | old  ,  you  fool      guess: old , you fool
                            ^ at
    the model makes "old" and then "." instead of ","
    source   the  pump  is  old  , | you  fool      guess: you fool   (as if one was replaced)
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langchain_metaaligner.decode.pace import STEADY
from langchain_metaaligner.decode.phrases import Phrases

_REACH = 40  # tokens that an edit may take out and one match still finds it: two sentences or so
_LONGEST_MATCH = 4  # tokens compared: drafts rarely repeat four, and the nearest place decides then
_NEIGHBOURS = 12  # places of a token looked at on either side: a word like "the" has very many
_FIRM = 2  # tokens that match, from which on a place is no accident, as a single one may be
_RIVALS = 3  # other places guessed beside the likeliest: of 107 edits the fourth helped one
_SIDE = 64  # tokens of such a place: the next pass goes on from there with the whole draft
_SHIFTS = (1, 2, -1)  # from where the draft would go on if more was taken out, or something put in


class Side(NamedTuple):
    """Tokens that may come next, where the pointer is not sure.

    Attributes:
        kind: why: "place" is another place in the draft where the last token stands, "far" such a
            one where none is near, "shift" a token or two beside the pointer where the last token
            stands nowhere, "repeat" what followed the last two tokens in the edit itself, "draft"
            the draft itself where a phrase is expected.
        tokens: what would come.
    """

    kind: str
    tokens: list[int]


class Pointer:
    """Where an edit stands in the text that it copies.

    Args:
        source: token ids that may be copied: those of the draft, and others behind them.
        end: index behind the draft's last token.
        phrases: what earlier edits wrote on their own; what this one does is added.
        tenant: whose phrases they are.

    Attributes:
        foretold: how many tokens in a row it has foretold, or matched where it came back.

    >>> pointer = Pointer([8, 9, 10, 11, 7], 4)
    >>> pointer.guess(3)
    [8, 9, 10]
    >>> pointer.follow([8, 10])  # 9 was taken out
    >>> pointer.guess(3)
    [11]
    """

    def __init__(
        self,
        source: Sequence[int],
        end: int,
        phrases: Phrases | None = None,
        tenant: str | None = None,
    ) -> None:
        self._source = source
        self._tenant = tenant
        self._phrases = Phrases() if phrases is None else phrases
        self._phrase: list[int] = []  # what is expected to be written, before the source goes on
        self._own: list[int] | None = None  # what was written that nothing foretold
        self._strays = 0  # tokens in a row that nothing foretold
        self._at = 0
        self._end = end
        self._anchor = 0
        self._made: list[int] = []
        self._pairs: dict[tuple[int, int], int] = {}  # what followed two tokens of the edit, where
        self._rivals: list[Side] = []
        self._wishes: dict[int, int] = {}  # what the model would write at places of the draft
        self._tail: list[int] = []
        self._places: dict[int, list[int]] = {}
        for place, token in enumerate(source):
            self._places.setdefault(token, []).append(place)
        self.foretold = STEADY  # an edit mostly begins as its draft does

    def guess(self, most: int) -> list[int]:
        """The tokens that would come next if the edit went on as it does, at most ``most``."""
        if self._phrase:
            return self._phrase[:most]
        return [token for token, _ in self._course(most)]

    def _course(self, most: int) -> Iterator[tuple[int, int]]:
        """Tokens of the source from here on, each with its place, as they are or as wished."""
        at, end = self._at, self._end if self._at <= self._end else len(self._source)
        for _ in range(most):
            if at >= end:
                return
            token = self._wishes.get(at)
            if token is None:
                yield self._source[at], at
                at += 1
                continue
            yield token, at
            places = self._places.get(token, [])
            ahead = places[bisect.bisect_right(places, at) :][:1]
            # As if all up to there was taken out, or as if a token was replaced.
            at = ahead[0] + 1 if ahead and ahead[0] < min(end, at + _REACH) else at + 1

    def heed(self, wishes: Sequence[int], right: int) -> None:
        """Take note of what the model would have written further on in the draft.

        Behind a guess that was wrong it has read the draft as it was. Where it would have left it
        there too, it mostly does so once it gets there: then that costs no pass of its own.

        Args:
            wishes: what the model makes in place of the first, the second, … token of `guess`.
            right: how many of these guesses came true.
        """
        if self._phrase:
            return
        for (_, place), wish in list(zip(self._course(len(wishes)), wishes, strict=False))[
            right + 1 :
        ]:
            if place < self._end and wish != self._source[place]:
                self._wishes[place] = wish
            else:
                self._wishes.pop(place, None)

    def sides(self, most: int) -> list[Side]:
        """What else may come next, the likeliest first, at most ``most`` tokens of each.

        None where what was foretold came true lately. No two of them, and none beside `guess`,
        begin alike.
        """
        if self.foretold > _FIRM or not self._made or most < 1:
            return []
        sides = list(self._rivals)
        if self._phrase:
            sides.insert(0, Side("draft", self._stretch(self._at)))
        elif self.foretold == 0:
            places = [max(0, self._at + shift) for shift in _SHIFTS]
            sides += [Side("shift", self._stretch(at)) for at in places]
        repeated = self._pairs.get((self._made[-2], self._made[-1])) if self._made[1:] else None
        if repeated is not None:
            sides.insert(0, Side("repeat", self._made[repeated : repeated + _SIDE]))
        begun = set(self.guess(1))
        distinct = []
        for kind, tokens in sides:
            if tokens and tokens[0] not in begun:
                begun.add(tokens[0])
                distinct.append(Side(kind, tokens[:most]))
        return distinct

    def follow(self, tokens: Sequence[int]) -> None:
        """Take note of the tokens that the model really made."""
        for token in tokens:
            self._tail.append(token)
            self._made.append(token)
            if self._made[2:]:
                self._pairs[self._made[-3], self._made[-2]] = len(self._made) - 1
            self._rivals = [
                Side(kind, tokens[1:]) for kind, tokens in self._rivals if tokens[:1] == [token]
            ]
            if self._phrase and self._phrase[0] == token:
                self._phrase = self._phrase[1:] or self._phrases.after(self._tail, self._tenant)
                self.foretold += 1
                continue
            self._phrase = []
            if self._at < len(self._source) and self._source[self._at] == token:
                self._at += 1
                self._anchor = self._at
                self.foretold += 1
            else:
                self.foretold = self._realign(token)
                if self.foretold <= _FIRM and (
                    phrase := self._phrases.after(self._tail, self._tenant)
                ):
                    self._phrase, self.foretold = phrase, _FIRM
            self._remember(token)
        del self._tail[:-_LONGEST_MATCH]

    def _remember(self, token: int) -> None:
        """Add a token to what the edit writes on its own, if it does."""
        self._strays = 0 if self.foretold >= _FIRM else self._strays + 1
        if self._own is not None:
            self._phrases.write([token], self._own, self._tenant)
        elif self._strays > _FIRM:
            self._own = self._phrases.write(self._tail[-_LONGEST_MATCH:], tenant=self._tenant)
        if self.foretold > _FIRM:
            self._own = None

    def _realign(self, token: int) -> int:
        """Find the place that the edit goes on from: the longest match, the nearest of these.

        Returns:
            The length of the match; 0 where there is none.
        """
        places = self._places.get(token, [])
        middle = bisect.bisect_left(places, self._anchor)
        ranked = sorted(
            (
                (self._match(place), -abs(place - self._anchor), place)
                for place in places[max(0, middle - _NEIGHBOURS) : middle + _NEIGHBOURS]
            ),
            reverse=True,
        )
        near = [
            (length, place)
            for length, _, place in ranked
            if length > 1 or 0 <= place - self._anchor <= _REACH
        ]
        best, nearest = near[0] if near else (0, None)
        others = [
            place for *_, place in ranked if place != nearest and place < (self._end or place + 1)
        ]
        kinds = ["place" if near else "far", *["place"] * _RIVALS]
        self._rivals = [
            Side(kind, self._stretch(place + 1))
            for kind, place in zip(kinds, others[:_RIVALS], strict=False)
        ]
        if nearest is None:
            self._at = min(self._at + 1, len(self._source))  # as if a token had been replaced
            return 0
        self._at = self._anchor = nearest + 1
        return best

    def _stretch(self, start: int) -> list[int]:
        """Some tokens of the draft; of the whole source where there is no draft."""
        end = self._end or len(self._source)
        return list(self._source[start : min(start + _SIDE, end)])

    def _match(self, place: int) -> int:
        """How many of the last tokens made stand before and at a place of the source."""
        length = 0
        for token in reversed(self._tail):
            if place - length < 0 or self._source[place - length] != token:
                break
            length += 1
        return length
