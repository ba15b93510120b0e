"""Which answers are decoded together: the longest first, new ones as others finish."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import torch

from langchain_metaaligner.decode.answer import Answer, Decoding
from langchain_metaaligner.decode.generate import PlainLoop
from langchain_metaaligner.decode.lookup import LookupLoop, obstacle
from langchain_metaaligner.models.checkpoint import Checkpoint

logger = logging.getLogger("langchain_metaaligner")
_told: set[tuple[str, str]] = set()


class Loop(Protocol):
    """Rows that are decoded together: a `LookupLoop` or a `PlainLoop`."""

    @property
    def answers(self) -> list[Answer]:
        """The answers that are still being made."""

    def admit(self, answers: Sequence[Answer]) -> list[Answer]:
        """Take new answers in; those among them that are complete at once."""

    def step(self) -> list[Answer]:
        """Go on with all answers; those that are complete now."""

    def drop(self, answer: Answer) -> None:
        """Leave an answer as it stands."""

    def room(self, length: int) -> int | None:
        """How many rows of ``length`` tokens fit into memory; None where that is not known."""


def loop_for(checkpoint: Checkpoint, decoding: Decoding) -> Loop:
    """The fastest loop that a checkpoint and its options allow.

    Lookup decoding is greedy: whatever else the options ask for falls back to ``generate``, and so
    do models without a fast path. Each reason is told once, in the log.
    """
    if decoding.method == "greedy":
        return PlainLoop()
    asked = sorted(decoding.options.items() - {("do_sample", False)})
    named = ", ".join(f"{option}={value!r}" for option, value in asked)
    reason = f"it is greedy, and the options are {named}" if asked else obstacle(checkpoint)
    if reason is None:
        return LookupLoop(checkpoint)
    if (checkpoint.name, reason) not in _told:
        _told.add((checkpoint.name, reason))
        logger.info("%r is decoded without lookup: %s.", checkpoint.name, reason)
    return PlainLoop()


class Settled(NamedTuple):
    """An answer that the scheduler is done with, and the error that ended it, if one did."""

    answer: Answer
    error: Exception | None = None


@dataclass(eq=False)
class _Request:
    """The answers of one caller that still wait, the longest last."""

    waiting: list[Answer]
    begun: bool = False


class Scheduler:
    """Shares a loop among requests, fairly.

    Where a batch does not fit into the memory of a CUDA device, the number of rows is halved. Where
    a pass fails, its rows go on one by one, so that only those fail that fail alone.

    Args:
        make_loop: makes an empty loop.
        rows: how many answers are made at the same time, at most.
    """

    def __init__(self, make_loop: Callable[[], Loop], rows: int) -> None:
        self._make_loop = make_loop
        self._loop = make_loop()
        self._most = rows
        self._requests: deque[_Request] = deque()
        self._suspects: deque[Answer] = deque()

    @property
    def busy(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self._loop.answers or self._requests or self._suspects)

    def put(self, answers: Iterable[Answer]) -> None:
        """Add the answers of one request. They wait for no later request."""
        self._requests.append(_Request(_by_length(answers)))

    def drop(self, answer: Answer) -> None:
        """Stop working on an answer, wherever it is."""
        if answer in self._loop.answers:
            self._loop.drop(answer)
        elif answer in self._suspects:
            self._suspects.remove(answer)
        else:
            for request in self._requests:
                if answer in request.waiting:
                    request.waiting.remove(answer)

    def turn(self) -> list[Settled]:
        """Admit what there is room for, and make one step.

        Returns:
            What was settled by it.
        """
        admitted = self._next()
        involved = [*self._loop.answers, *admitted]
        try:
            complete = self._loop.admit(admitted) if admitted else []
            if self._loop.answers:
                complete = complete + self._loop.step()
            if not self.busy:
                self._loop = self._make_loop()  # lets the cache go
        except Exception as error:  # whatever a pass raises, its rows are tried again
            failed = error
        else:
            return [Settled(answer) for answer in complete]
        # Outside of the handler, where the failed pass no longer holds its memory.
        return self._recover(failed, involved)

    def _recover(self, error: Exception, involved: list[Answer]) -> list[Settled]:
        self._loop = self._make_loop()
        complete = [Settled(answer) for answer in involved if not answer.open]
        struck = [answer for answer in involved if answer.open]
        memory = isinstance(error, torch.cuda.OutOfMemoryError)
        if memory:
            torch.cuda.empty_cache()
        if len(struck) == 1:
            return [*complete, Settled(struck[0], error)]
        if memory:
            self._most = max(1, len(struck) // 2)
            self._requests.appendleft(_Request(_by_length(struck)))
        else:
            self._suspects.extend(struck)
        return complete

    def _next(self) -> list[Answer]:
        """The answers to admit now: in turn from each request, its longest first."""
        active = len(self._loop.answers)
        if self._suspects:
            return [] if active else [self._suspects.popleft()]
        self._requests = deque(request for request in self._requests if request.waiting)
        free = self._most - active
        newcomers = not all(request.begun for request in self._requests)
        if active and free < self._most // 4 and not newcomers:
            return []
        chosen: list[Answer] = []
        while self._requests and len(chosen) < free:
            request = self._requests[0]
            if not self._fits([*self._loop.answers, *chosen, request.waiting[-1]]):
                break
            chosen.append(request.waiting.pop())
            request.begun = True
            self._requests.rotate(-1)
            if not request.waiting:
                self._requests.remove(request)
        return chosen

    def _fits(self, answers: Sequence[Answer]) -> bool:
        longest = max(len(answer.row) + answer.room for answer in answers)
        room = self._loop.room(longest)
        return len(answers) == 1 or room is None or len(answers) <= room


def _by_length(answers: Iterable[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: len(answer.row))


def scheduler_for(checkpoint: Checkpoint, decoding: Decoding) -> Scheduler:
    """An idle scheduler for answers of a checkpoint that are decoded alike."""
    return Scheduler(partial(loop_for, checkpoint, decoding), decoding.batch_size)
