"""The append-only file of a long run: its memory after a crash, its cache and its audit.

One JSON line for every unit of work that was done: an answer aligned, a reply of a judge, a
generated response. A line is on the disk before its result is used, so whatever was paid for is
never asked again, also after ``kill -9``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from typing_extensions import Self

from langchain_metaaligner.errors import LedgerError

FAILED = "failed"
"""The field of a line that tells of a failure. It is an audit only: the work is tried again."""

_LONGEST = 1.0  # seconds that a finished unit waits for others before it is written down

Unit = TypeVar("Unit")


@dataclass(frozen=True)
class Failure:
    """A unit of work that could not be done this time, and why."""

    reason: str


Outcome = Mapping[str, Any] | Failure
Make = Callable[[Sequence[Unit]], Iterable[tuple[int, Outcome]]]
"""Does units of work: yields the place of each, and its record or failure, as it is finished."""


class Ledger:
    """An append-only JSONL file of finished work, open in one process at a time.

    Every line is one JSON object with ``key`` (of the content and the settings, see `key`),
    ``settings``, and the fields of its record. What a run holds in memory does not grow with the
    file: the index of keys lies in a temporary database on disk.

    Safe for many threads of one process.

    Args:
        path: the file; made, with its folder, where there is none.
        settings: whatever changes the results: model, objectives, template. JSON values.

    Raises:
        LedgerError: when another process has the ledger open, when it was written under other
            settings, when a line within it is broken, or when the disk refuses it. A last line
            that was cut off by a crash is no error: it is removed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "out.ledger.jsonl"
    >>> with Ledger(path, {"model": "mini"}) as ledger:
    ...     key = ledger.key("What is a kettle?", "A pot, duh.")
    ...     ledger.add(key, {"text": "A pot."})
    >>> with Ledger(path, {"model": "mini"}) as ledger:
    ...     ledger.find(key)["text"], len(ledger)
    ('A pot.', 1)
    """

    def __init__(self, path: Path | str, settings: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.settings = json.loads(json.dumps(settings))
        self._salt = json.dumps(self.settings, sort_keys=True)
        self._writing = threading.Lock()
        self._lock = FileLock(f"{self.path}.lock", thread_local=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise LedgerError(
                f"{self.path} is open in another run. Wait until that run ends, or write to "
                "another file."
            ) from None
        except OSError as error:
            raise self._refused(error) from error
        self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        try:
            self._index.execute("PRAGMA cache_size = -2000")  # KiB in memory; the rest on disk
            self._index.execute("CREATE TABLE work (key TEXT PRIMARY KEY, at INTEGER)")
            self._index.execute("BEGIN")
            self._end = self._read()
            self._index.execute("COMMIT")
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(self._end)
            self._reader = self.path.open("rb")
        except BaseException as error:  # whatever it was, the file must not stay locked
            self._lock.release()
            self._index.close()
            if isinstance(error, OSError) and not isinstance(error, LedgerError):
                raise self._refused(error) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """How many units of work are done."""
        with self._writing:
            (number,) = self._index.execute("SELECT count(*) FROM work").fetchone()
        return int(number)

    def key(self, *content: Any) -> str:
        """The key of a unit of work: a digest of its content and of the settings.

        Args:
            *content: JSON values that tell this unit from every other one.
        """
        text = json.dumps([self._salt, *content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def find(self, key: str) -> dict[str, Any] | None:
        """The line of a finished unit of work; None where it is still to be done."""
        with self._writing:
            row = self._index.execute("SELECT at FROM work WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            self._reader.seek(row[0])
            line: dict[str, Any] = json.loads(self._reader.readline())
        return line

    def add(self, key: str, record: Mapping[str, Any]) -> None:
        """Write down a finished unit of work. It is on the disk when this returns.

        Raises:
            LedgerError: when the disk is full or refuses to write. What was written before stays.
        """
        self.add_all([(key, record)])

    def add_all(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Write down several finished units of work, with one wait for the disk.

        Raises:
            LedgerError: as `add`.
        """
        with self._writing:
            places = self._append([self._line(key, record) for key, record in records])
            self._index.executemany("INSERT OR REPLACE INTO work VALUES (?, ?)", places)

    def complete(
        self,
        units: Sequence[Unit],
        make: Make[Unit],
        content: Callable[[Unit], Sequence[Any]],
        *,
        together: int = 1,
    ) -> list[Outcome]:
        """The record of each unit of work: as it stands in the file, or made now.

        What the file lacks is made, equal units once, and every record is on the disk before it is
        given back. A failure stays open: the next run tries it again.

        Args:
            units: what is to be done.
            make: does the units that are missing.
            content: what tells a unit from every other one, for its `key`.
            together: finished units that wait for the disk together, for a second at most.

        Returns:
            An outcome for each unit, in their order.

        Raises:
            LedgerError: as `add`.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "ledger.jsonl"
        >>> with Ledger(path, {}) as ledger:
        ...     made = ledger.complete(
        ...         ["a", "b", "a"],
        ...         lambda missing: ((at, {"text": unit * 2}) for at, unit in enumerate(missing)),
        ...         content=lambda unit: [unit],
        ...     )
        >>> [record["text"] for record in made]
        ['aa', 'bb', 'aa']
        """
        keys = [self.key(*content(unit)) for unit in units]
        outcomes: dict[str, Outcome] = {}
        missing: dict[str, Unit] = {}
        for key, unit in zip(keys, units, strict=True):
            if key in outcomes or key in missing:
                continue
            line = self.find(key)
            if line is None:
                missing[key] = unit
            else:
                outcomes[key] = line
        open_keys = list(missing)
        made: dict[str, Outcome] = {}
        written = time.monotonic()
        try:
            for place, outcome in make(list(missing.values())) if missing else ():
                made[open_keys[place]] = outcome
                if len(made) >= together or time.monotonic() - written >= _LONGEST:
                    outcomes |= self._add_outcomes(made)
                    made, written = {}, time.monotonic()
        finally:  # what was made before an error, or Ctrl-C, is kept
            outcomes |= self._add_outcomes(made)
        return [outcomes[key] for key in keys]

    def _add_outcomes(self, made: dict[str, Outcome]) -> dict[str, Outcome]:
        self.add_all((key, it) for key, it in made.items() if not isinstance(it, Failure))
        for key, outcome in made.items():
            if isinstance(outcome, Failure):
                self.add_failure(key, outcome.reason)
        return made

    def add_failure(self, key: str, reason: str) -> None:
        """Write down that a unit of work failed. It stays to be done.

        Raises:
            LedgerError: as `add`.
        """
        with self._writing:
            self._append([self._line(key, {FAILED: reason})])

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines in the order in which they were written, failures among them."""
        with self.path.open("rb") as file:
            yield from map(json.loads, file)

    def close(self) -> None:
        """Close the file and let other runs have it."""
        self._file.close()
        self._reader.close()
        self._index.close()
        self._lock.release()

    def _line(self, key: str, record: Mapping[str, Any]) -> tuple[str, bytes]:
        line = json.dumps({"key": key, "settings": self.settings, **record})
        return key, line.encode() + b"\n"  # ASCII: also lone surrogates survive

    def _append(self, lines: list[tuple[str, bytes]]) -> list[tuple[str, int]]:
        places, at = [], self._end
        for key, line in lines:
            places.append((key, at))
            at += len(line)
        unwritten = memoryview(b"".join(line for _, line in lines))
        try:
            while unwritten:
                unwritten = unwritten[self._file.write(unwritten) or 0 :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._end)  # no half line stays
            raise self._refused(error) from error
        self._end = at
        return places

    def _read(self) -> int:
        """Index the lines of an earlier run; where the last whole one ends."""
        at = 0
        self.path.touch()
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    self._index_line(number, at, line)
                    at += len(line)
        return at

    def _index_line(self, number: int, at: int, line: bytes) -> None:
        try:
            record = json.loads(line)
            key, settings = record["key"], record["settings"]
        except (ValueError, TypeError, KeyError) as error:
            raise LedgerError(
                f"Line {number} of {self.path} is no line of a ledger: {line[:80]!r}. Remove that "
                "line, or write to another file."
            ) from error
        if settings != self.settings:
            raise LedgerError(
                f"{self.path} was written under other settings ({_difference(settings, self)}). "
                "Use the same ones to go on, or write to another file."
            )
        if FAILED not in record:
            self._index.execute("INSERT OR REPLACE INTO work VALUES (?, ?)", (key, at))

    def _refused(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"{self.path} cannot be written: {error.strerror or error}. Make room, or write to "
            "another place; what is in it is kept, and the run goes on from there."
        )


def _difference(theirs: Mapping[str, Any], ledger: Ledger) -> str:
    names = sorted({*theirs, *ledger.settings})
    return "; ".join(
        f"{name}: {theirs.get(name)!r} there, {ledger.settings.get(name)!r} here"
        for name in names
        if theirs.get(name) != ledger.settings.get(name)
    )
