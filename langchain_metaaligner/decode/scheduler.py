"""Which rows are decoded together: the longest first, new ones as others finish."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import torch

from langchain_metaaligner.decode.extractive import ExtractiveLoop
from langchain_metaaligner.decode.generate import PlainLoop
from langchain_metaaligner.decode.lookup import LookupLoop
from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.obstacle import obstacle
from langchain_metaaligner.decode.row import Decoding, Row
from langchain_metaaligner.errors import SettingError

logger = logging.getLogger("langchain_metaaligner")
_logged: set[tuple[str, str]] = set()


class Loop(Protocol):
    """Rows that are decoded together: a `LookupLoop`, a `PlainLoop` or an `ExtractiveLoop`."""

    @property
    def rows(self) -> list[Row]:
        """The rows that are not complete yet."""

    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Take new rows in; those among them that are complete at once."""

    def step(self) -> list[Row]:
        """Go on with all rows; those that are complete now."""

    def drop(self, row: Row) -> None:
        """Leave a row as it stands."""

    def room(self, length: int) -> int | None:
        """How many rows of ``length`` tokens fit into memory; None where that is not known."""


def loop_for(model: DecoderModel, decoding: Decoding) -> Loop:
    """The fastest loop that a model and the options allow.

    Lookup decoding is greedy: whatever else the options ask for falls back to ``generate``, and so
    do models without a fast path. Each reason is logged once. An extractive model is only read.

    Raises:
        SettingError: when the options ask an extractive model to write otherwise.
    """
    changes = sorted(
        (name, value)
        for name, value in decoding.options.items()
        if not (name == "do_sample" and value is False)
    )
    named = ", ".join(f"{option}={value!r}" for option, value in changes)
    if model.marks:
        if changes:
            raise SettingError(
                f"{model.name!r} takes passages out and writes nothing, so that the generation "
                f"options {named} can have no effect. Leave them out; caution= is what it has."
            )
        return ExtractiveLoop(model)
    if decoding.method == "greedy":
        return PlainLoop()
    reason = f"it is greedy, and the options are {named}" if changes else obstacle(model)
    if reason is None:
        return LookupLoop(model, decoding.guesses)
    if (model.name, reason) not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add((model.name, reason))
        logger.info("%r is decoded without lookup: %s.", model.name, reason)
    return PlainLoop()


_MOST_LOGGED = 1_000  # reasons: a service may sample at a temperature of each request's own


class Settled(NamedTuple):
    """A row that the scheduler is done with, and the error that ended it, if one did."""

    row: Row
    error: Exception | None = None


@dataclass(eq=False)
class _Group:
    """The rows of one caller that still wait, the longest last."""

    waiting: list[Row]
    begun: bool = False


class Scheduler:
    """Shares a loop among callers, fairly: each in turn has its longest row admitted.

    Where a batch does not fit into the memory of a CUDA device, the number of rows is halved. Where
    a pass fails, its rows go on one by one, so that only those fail that fail alone.

    Args:
        make_loop: makes an empty loop.
        most: how many rows are decoded at the same time, at most.
    """

    def __init__(self, make_loop: Callable[[], Loop], most: int) -> None:
        self._make_loop = make_loop
        self._loop = make_loop()
        self._most = most
        self._groups: deque[_Group] = deque()
        self._new = 0  # groups of which nothing was admitted yet
        self._suspects: deque[Row] = deque()
        self._dropped: set[Row] = set()

    @property
    def busy(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self._loop.rows or self._groups or self._suspects)

    @property
    def rows(self) -> list[Row]:
        """The rows that are being decoded."""
        return self._loop.rows

    def put(self, rows: Iterable[Row]) -> None:
        """Add the rows of one caller. They wait for no later caller."""
        self._add(_Group(sorted(rows, key=lambda row: len(row.tokens))), last=True)

    def _add(self, group: _Group, last: bool) -> None:
        if not group.waiting:
            return
        self._new += not group.begun
        if last:
            self._groups.append(group)
        else:
            self._groups.appendleft(group)

    def drop(self, row: Row) -> None:
        """Stop working on a row, wherever it is."""
        if row in self._loop.rows:
            self._loop.drop(row)
        elif row in self._suspects:
            self._suspects.remove(row)
        else:
            self._dropped.add(row)

    def turn(self) -> list[Settled]:
        """Admit what there is room for, and make one step.

        Returns:
            What was settled by it.
        """
        admitted = self._next()
        involved = [*self._loop.rows, *admitted]
        try:
            complete = self._loop.admit(admitted) if admitted else []
            if self._loop.rows:
                complete = complete + self._loop.step()
            if not self.busy:
                self._loop = self._make_loop()  # lets the cache go
        except Exception as error:  # whatever a pass raises, its rows are tried again
            failed = error
        else:
            return [Settled(row) for row in complete]
        # Outside of the handler, where the failed pass no longer holds its memory.
        return self._recover(failed, involved)

    def _recover(self, error: Exception, involved: list[Row]) -> list[Settled]:
        self._loop = self._make_loop()
        complete = [Settled(row) for row in involved if not row.open]
        struck = [row for row in involved if row.open]
        memory = isinstance(error, torch.cuda.OutOfMemoryError)
        if memory:
            torch.cuda.empty_cache()
        if len(struck) == 1:
            return [*complete, Settled(struck[0], error)]
        if memory:
            self._most = max(1, len(struck) // 2)
            self._add(_Group(sorted(struck, key=lambda row: len(row.tokens))), last=False)
        else:
            self._suspects.extend(struck)
        return complete

    def _next(self) -> list[Row]:
        """The rows to admit now: in turn from each group, its longest first."""
        active = len(self._loop.rows)
        if self._suspects:
            return [] if active else [self._suspects.popleft()]
        free = self._most - active
        # Few places are not filled up one by one: a prompt makes its pass long for all rows. Only
        # who has not begun at all may join at once.
        if active and free < self._most // 4 and not self._new:
            return []
        chosen: list[Row] = []
        while self._groups and len(chosen) < free:
            group = self._groups[0]
            row = group.waiting[-1]
            if row not in self._dropped:
                if not self._fits([*self._loop.rows, *chosen, row]):
                    break
                chosen.append(row)
            self._dropped.discard(row)
            group.waiting.pop()
            self._new -= not group.begun
            group.begun = True
            self._groups.popleft()
            if group.waiting:
                self._groups.append(group)
        return chosen

    def _fits(self, rows: Sequence[Row]) -> bool:
        longest = max(len(row.tokens) + row.room for row in rows)
        room = self._loop.room(longest)
        return len(rows) == 1 or room is None or len(rows) <= room


def scheduler_for(model: DecoderModel, decoding: Decoding) -> Scheduler:
    """An idle scheduler for rows of a model that are decoded alike."""
    return Scheduler(partial(loop_for, model, decoding), decoding.batch_size)
