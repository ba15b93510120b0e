"""Concurrent calls share their forward passes.

A web server, ``gather(ainvoke)``, ``RunnableParallel`` and the nodes of a graph make single calls.
Those that are under way at the same time on one checkpoint are decoded as one batch: a new call
joins at the next forward pass, so that one caller alone waits for nobody. Results, errors and
cancellation stay each caller's own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from langchain_core.runnables.config import run_in_executor

from langchain_metaaligner.decode.answer import Answer, Completion, Decoding
from langchain_metaaligner.decode.scheduler import Scheduler, scheduler_for
from langchain_metaaligner.models.checkpoint import Checkpoint

QUEUE = 4096
"""Answers that may be under way on one checkpoint. Further callers wait until there is room."""

Progress = Callable[[Answer], object]


def complete(
    checkpoint: Checkpoint, prompts: Sequence[str], decoding: Decoding, shared: bool = True
) -> list[Completion]:
    """Answer all prompts, in as few forward passes as memory allows.

    Args:
        checkpoint: the model.
        prompts: any number of prompts.
        decoding: how to decode.
        shared: whether they share forward passes with the calls of other threads.

    Returns:
        One completion per prompt, in the order of the prompts.

    Raises:
        SettingError: when a prompt leaves no room in the model's context.
        torch.cuda.OutOfMemoryError: when a single prompt does not fit.
    """
    answers = [Answer(prompt, checkpoint, decoding) for prompt in prompts]
    if shared:
        batches_of(checkpoint, decoding).submit(Request(answers)).result()
    else:
        scheduler = scheduler_for(checkpoint, decoding)
        scheduler.put(answers)
        while scheduler.busy:
            for _, error in scheduler.turn():
                if error is not None:
                    raise error
    return [answer.completion() for answer in answers]


async def acomplete(
    checkpoint: Checkpoint, prompts: Sequence[str], decoding: Decoding
) -> list[Completion]:
    """The async twin of `complete`, shared; a cancelled call leaves its batch at the next pass."""

    def submit() -> Request:
        request = Request([Answer(prompt, checkpoint, decoding) for prompt in prompts])
        return batches_of(checkpoint, decoding).submit(request)

    request = await run_in_executor(None, submit)
    try:
        await asyncio.wrap_future(request.done)
    except asyncio.CancelledError:
        request.cancel()
        raise
    return [answer.completion() for answer in request.answers]


class Request:
    """The answers of one call on their way.

    Args:
        answers: what is to be made.
        progress: called in the thread that decodes, with an answer that has grown.
        cancelled: once it is set, the batch goes on without this request.

    Attributes:
        done: ends when all answers are complete, or with the first error.
        open: the answers that are not complete yet.
    """

    def __init__(
        self,
        answers: Sequence[Answer],
        progress: Progress | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.answers = list(answers)
        self.progress = progress
        self.cancelled = cancelled or threading.Event()
        self.done: Future[None] = Future()
        self.open = set(self.answers)

    def report(self, answer: Answer, length: int) -> None:
        """Tell of an answer if it is longer than ``length`` tokens by now."""
        if self.progress is not None and len(answer.ids) > length:
            self.progress(answer)

    def result(self) -> None:
        """Wait until all answers are complete. An interrupted wait cancels the request.

        Raises:
            Exception: whatever ended one of the answers.
        """
        try:
            self.done.result()
        except BaseException:  # also Ctrl-C: nobody waits for these answers any more
            self.cancel()
            raise

    def cancel(self) -> None:
        """Let the batch go on without this request."""
        self.cancelled.set()


class SharedBatches:
    """The calls that are under way on one checkpoint with alike options.

    A thread decodes while there is anything to do, and ends when there is not.

    Args:
        make_scheduler: makes an idle scheduler.
        queue: answers that may be under way; a request beyond that waits for room.
    """

    def __init__(self, make_scheduler: Callable[[], Scheduler], queue: int = QUEUE) -> None:
        self._make_scheduler = make_scheduler
        self._queue = queue
        self._changed = threading.Condition()
        self._arrived: list[Request] = []
        self._under_way = 0
        self._running = False

    def submit(self, request: Request) -> Request:
        """Hand in a request. Waits while the queue is full.

        A request that is longer than the whole queue is let in once the queue is empty.
        """
        size = len(request.answers)
        if not size:
            request.done.set_result(None)
            return request
        with self._changed:
            self._changed.wait_for(
                lambda: not self._under_way or self._under_way + size <= self._queue
            )
            self._under_way += size
            self._arrived.append(request)
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name="metaaligner-decode", daemon=True).start()
        return request

    def _work(self) -> None:
        scheduler, requests = self._make_scheduler(), list[Request]()
        while True:
            with self._changed:
                if not (requests or self._arrived):
                    self._running = False
                    return
                arrived, self._arrived = self._arrived, []
            for request in arrived:
                scheduler.put(request.answers)
            requests += arrived
            try:
                self._turn(scheduler, requests)
            except Exception as error:  # nobody may wait for ever, whatever went wrong here
                for request in requests:
                    self._end(request, error)
                scheduler = self._make_scheduler()
            requests = [request for request in requests if request.open]

    def _turn(self, scheduler: Scheduler, requests: Sequence[Request]) -> None:
        for request in requests:
            if request.cancelled.is_set():
                for answer in request.open:
                    scheduler.drop(answer)
                self._end(request, CancelledError())
        owners = {answer: request for request in requests for answer in request.open}
        lengths = {answer: len(answer.ids) for answer in owners}
        settled = scheduler.turn() if owners else []
        for answer, length in lengths.items():
            owners[answer].report(answer, length)
        for answer, error in settled:
            owner = owners[answer]
            owner.open.discard(answer)
            if error is not None:
                for other in owner.open:
                    scheduler.drop(other)
                self._end(owner, error)
            elif not owner.open:
                self._end(owner, None)

    def _end(self, request: Request, error: BaseException | None) -> None:
        request.open.clear()
        if request.done.done() and not request.done.cancelled():
            return
        with self._changed:
            self._under_way -= len(request.answers)
            self._changed.notify_all()
        if not request.done.set_running_or_notify_cancel():
            return
        if error is None:
            request.done.set_result(None)
        else:
            request.done.set_exception(error)


_making = threading.Lock()


def batches_of(checkpoint: Checkpoint, decoding: Decoding) -> SharedBatches:
    """The shared batches of a checkpoint for such options, in this process."""
    options = repr(sorted(decoding.options.items()))
    key = (os.getpid(), decoding.batch_size, decoding.method, options)
    with _making:
        if key not in checkpoint.shared:
            checkpoint.shared[key] = SharedBatches(partial(scheduler_for, checkpoint, decoding))
        found: SharedBatches = checkpoint.shared[key]
    return found
