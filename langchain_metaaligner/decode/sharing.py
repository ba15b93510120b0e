"""Concurrent calls share their forward passes.

A web server, ``gather(ainvoke)``, ``RunnableParallel`` and the nodes of a graph make single calls.
Those that are under way at the same time on one checkpoint are decoded as one batch: a new call
joins at the next forward pass, so that one caller alone waits for nobody. Results, errors and
cancellation stay each caller's own.

Calls that wait hold no thread: a `Request` is handed in at once, and its ``done`` ends when it is
settled. The thread that decodes is no daemon. It leaves what nobody waits for (`Claim`), also when
the interpreter ends, which therefore waits for one forward pass and no longer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, wait
from functools import partial

from langchain_metaaligner.decode.model import DecoderModel
from langchain_metaaligner.decode.row import Claim, Decoding, Row
from langchain_metaaligner.decode.scheduler import Scheduler, scheduler_for

KINDS = 16
"""Sets of options whose batches are kept while nothing is under way on them."""

Progress = Callable[[Row], object]


class Request:
    """The rows of one call on their way.

    Args:
        rows: what is to be made.
        claim: who waits for them.
        progress: called in the thread that decodes, with a row that has grown.

    Attributes:
        done: ends when all rows are complete, or with the first error.
        open: the rows that are not complete yet.
    """

    def __init__(
        self, rows: Sequence[Row], claim: Claim | None = None, progress: Progress | None = None
    ) -> None:
        self.rows = list(rows)
        self.claim = claim or Claim()
        self.progress = progress
        self.done: Future[None] = Future()
        self.open = set(self.rows)

    def result(self, seconds: float | None = None) -> bool:
        """Wait until all rows are complete. An interrupted wait cancels the request.

        Args:
            seconds: how long, at most; then the request is cancelled as well.

        Returns:
            Whether they are complete.

        Raises:
            Exception: whatever ended one of the rows.
        """
        try:
            if wait([self.done], seconds).not_done:
                self.claim.cancel()
                return False
            self.done.result()
            return True
        except BaseException:  # also Ctrl-C: nobody waits for these rows any more
            self.claim.cancel()
            raise

    def settle(self, error: BaseException | None) -> None:
        """Let the caller go on: with the rows as they are, or with an error."""
        self.open.clear()
        self.claim.upon_cancel(None)
        if self.done.done():
            return
        if not self.done.running() and not self.done.set_running_or_notify_cancel():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class SharedBatches:
    """The calls that are under way on one checkpoint with alike options.

    A thread decodes while there is anything to do, and ends when there is not. Whatever goes wrong
    in it, at whatever place, ends the calls that are under way with that error, and no later one.

    Args:
        make_scheduler: makes an idle scheduler.
    """

    def __init__(self, make_scheduler: Callable[[], Scheduler]) -> None:
        self.make_scheduler = make_scheduler
        self.cancelled: deque[Request] = deque()
        self._lock = threading.Lock()
        self._arrived: list[Request] = []
        self._worker: _Worker | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._worker is None

    def submit(self, request: Request) -> Request:
        """Hand in a request. This returns at once; `Request.done` ends when it is settled.

        Raises:
            RuntimeError: when no thread can be started, as at the end of the interpreter.
        """
        if not request.open:
            request.settle(None)
            return request
        request.claim.upon_cancel(partial(self.cancelled.append, request))
        with self._lock:
            if self._worker is None:
                worker = _Worker(self)
                worker.start()
                self._worker = worker
            self._arrived.append(request)
        return request

    def take(self, worker: _Worker) -> list[Request] | None:
        """Hand the requests that have arrived to the worker.

        Returns:
            They; None, for good, where the worker has nothing left to do.
        """
        with self._lock:
            arrived = list(self._arrived)
            worker.requests.update(dict.fromkeys(arrived))
            self._arrived = []  # not before: a request is always in one of the two
            if not worker.requests:
                self._worker = None
                return None
            return arrived

    def struck(self, worker: _Worker) -> list[Request] | None:
        """The requests that the failure of a worker strikes beside its own; None: it was done."""
        with self._lock:
            if self._worker is not worker:
                return None
            arrived, self._arrived = self._arrived, []
            return arrived


class _Worker(threading.Thread):
    """The thread that decodes the requests of `SharedBatches` until there are none.

    It is no daemon: those are killed inside torch when the interpreter ends, which aborts.
    """

    def __init__(self, batches: SharedBatches) -> None:
        super().__init__(name="metaaligner-decode", daemon=False)
        self._batches = batches
        self.requests: dict[Request, None] = {}
        self._owners: dict[Row, Request] = {}

    def run(self) -> None:
        """Decode until nothing is left; an error ends what was under way."""
        going_on = True
        while going_on:
            try:
                self._decode()
            except BaseException as error:  # nobody may wait for ever, whatever went wrong here
                failure = error
            else:
                return
            going_on = self._fail(failure)

    def _fail(self, failure: BaseException) -> bool:
        """Let all who wait know; whether this thread is still the one that decodes."""
        if not isinstance(failure, Exception):  # a SystemExit here is not the callers'
            failure = RuntimeError(f"Decoding ended with {type(failure).__name__}: {failure}")
        struck = self._batches.struck(self)
        requests, self.requests, self._owners = self.requests, {}, {}
        for request in dict.fromkeys([*requests, *(struck or ())]):
            request.settle(failure)
        return struck is not None

    def _decode(self) -> None:
        scheduler: Scheduler | None = None
        while True:
            arrived = self._batches.take(self)
            if arrived is None:
                return
            scheduler = scheduler or self._batches.make_scheduler()
            for request in arrived:
                self._owners.update(dict.fromkeys(request.rows, request))
                scheduler.put(request.rows)
            self._withdraw(scheduler)
            if self.requests:
                self._turn(scheduler)

    def _withdraw(self, scheduler: Scheduler) -> None:
        """Drop the rows that nobody waits for."""
        lapsed = []
        while self._batches.cancelled:
            lapsed.append(self._batches.cancelled.popleft())
        if not threading.main_thread().is_alive():  # the interpreter ends
            lapsed += [request for request in self.requests if request.claim.lapsed]
        for request in lapsed:
            if request in self.requests:
                self._end(scheduler, request, CancelledError())

    def _turn(self, scheduler: Scheduler) -> None:
        lengths = {row: len(row.ids) for row in scheduler.rows}
        settled = scheduler.turn()
        for row, _ in settled:
            self._owners[row].open.discard(row)
        for row in {*scheduler.rows, *(row for row, _ in settled)}:
            if len(row.ids) > lengths.get(row, 0):
                self._report(scheduler, row)
        for row, error in settled:
            request = self._owners.pop(row)
            if request in self.requests and (error is not None or not request.open):
                self._end(scheduler, request, error)

    def _report(self, scheduler: Scheduler, row: Row) -> None:
        request = self._owners.get(row)
        if request is None or request.progress is None or request not in self.requests:
            return
        try:
            request.progress(row)
        except Exception as error:  # the reader's own code: it costs the others nothing
            self._end(scheduler, request, error)

    def _end(self, scheduler: Scheduler, request: Request, error: BaseException | None) -> None:
        for row in request.open:
            self._owners.pop(row, None)
            scheduler.drop(row)
        request.settle(error)
        del self.requests[request]  # not before: whatever is in there gets to know of a failure


class SharedCalls:
    """The shared batches of one checkpoint, by the options that its calls come with.

    Args:
        kinds: how many are kept while idle: a service may sample at a temperature of each
            request's own.
    """

    def __init__(self, kinds: int = KINDS) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._batches: OrderedDict[tuple[object, ...], SharedBatches] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._batches)

    def of(self, model: DecoderModel, decoding: Decoding) -> SharedBatches:
        """The batches of calls that are decoded alike."""
        options = repr(sorted(decoding.options.items()))
        key = (decoding.batch_size, decoding.method, decoding.guesses, decoding.seed, options)
        with self._lock:
            if key not in self._batches:
                self._batches[key] = SharedBatches(partial(scheduler_for, model, decoding))
            self._batches.move_to_end(key)
            idle = [old for old, batches in self._batches.items() if batches.idle and old != key]
            for old in idle[: max(0, len(self._batches) - self._kinds)]:
                del self._batches[old]
            return self._batches[key]
