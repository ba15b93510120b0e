"""What is wrong with the input of a builder: counted, reported by line, never silently dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from langchain_metaaligner.errors import DataError, nearest

OnProblem = Literal["skip", "raise"]
Duplicates = Literal["keep", "skip", "raise"]
Kind = Literal[
    "broken line", "missing field", "missing rating", "bad rating", "empty answer",
    "duplicate query", "no objective", "no dialogue", "other history", "unfit length",
]  # fmt: skip

#: What is left out for each kind of problem, under ``on_problem="skip"``.
LEFT_OUT: dict[Kind, str] = {
    "broken line": "the line",
    "missing field": "the record",
    "missing rating": "the rating",
    "bad rating": "the rating",
    "empty answer": "the answer",
    "duplicate query": "nothing, or the record as asked",
    "no objective": "the pair",
    "no dialogue": "the pair",
    "other history": "the pair",
    "unfit length": "the pair",
}

#: Duplicates have a policy of their own, and a choice by length is no fault of the file.
_NEVER_REFUSED = ("duplicate query", "unfit length")

KEPT = 1_000
"""How many problems stay in memory; the log has them all."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Attributes:
        kind: what it is.
        source: name of the file.
        line: its line there, from 1.
        detail: what was found.
    """

    kind: Kind
    source: str
    line: int
    detail: str


@dataclass
class Problems:
    """Collects problems, or refuses the first.

    Args:
        on_problem: ``"skip"`` leaves out what cannot be used and goes on; ``"raise"`` stops.
        duplicates: what becomes of a record whose query stood before: ``"keep"`` uses it,
            ``"skip"`` leaves it out, ``"raise"`` stops. By itself ``"raise"`` under
            ``on_problem="raise"``, else ``"keep"``: data sets of preferences compare several pairs
            of answers to one query. A duplicate is counted in any case.
        log: a file for all problems, one JSON object a line; see `open_log`.

    Attributes:
        all: the first thousand problems.
        counts: how many problems there are of each kind.

    >>> problems = Problems()
    >>> problems.found("empty answer", "pairs.csv", 7, "column chosen_response")
    >>> dict(problems.counts)
    {'empty answer': 1}
    """

    on_problem: OnProblem = "skip"
    duplicates: Duplicates | None = None
    log: Path | None = None
    all: list[Problem] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    _queries: dict[int, int] = field(default_factory=dict, repr=False)
    _pending: list[Problem] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        _check("on_problem", self.on_problem, get_args(OnProblem))
        if self.duplicates is None:
            self.duplicates = "raise" if self.on_problem == "raise" else "keep"
        _check("duplicates", self.duplicates, get_args(Duplicates))

    def found(self, kind: Kind, source: str, line: int, detail: str) -> None:
        """Take note of a problem.

        Raises:
            DataError: under ``on_problem="raise"``.
        """
        if self.on_problem == "raise" and kind not in _NEVER_REFUSED:
            raise DataError(
                f"{source}, line {line}: {kind} ({detail:.200}). Mend the file, or let such "
                'records be skipped and counted (on_problem="skip", no --strict).'
            )
        self.counts[kind] += 1
        problem = Problem(kind, source, line, detail)
        if len(self.all) < KEPT:
            self.all.append(problem)
        if self.log:
            self._pending.append(problem)
            if len(self._pending) >= KEPT:
                self.flush()

    def begin(self) -> None:
        """Begin another file: the queries of the one before are no duplicates there."""
        self._queries.clear()

    def repeats(self, query: str, source: str, line: int) -> bool:
        """Take note of a query; say whether its record is to be left out.

        Raises:
            DataError: under ``duplicates="raise"``, if the query stood before.
        """
        first = self._queries.setdefault(hash(query), line)
        if first == line:
            return False
        if self.duplicates == "raise":
            raise DataError(
                f"{source}, line {line}: duplicate query (first in line {first}). Mend the file, "
                'or let such records be used or skipped (duplicates="keep" or "skip", '
                "--duplicates)."
            )
        self.found("duplicate query", source, line, f"first in line {first}: {query[-60:]!r}")
        return self.duplicates == "skip"

    def open_log(self, sources: Iterable[str]) -> None:
        """Begin the log: what earlier runs wrote about the same sources goes, the rest stays."""
        if self.log and self.log.is_file():
            named = set(sources)
            lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
            others = [line for line in lines if json.loads(line)["source"] not in named]
            self.log.unlink()
            if others:
                self.log.write_text("".join(others), encoding="utf-8")

    def flush(self) -> None:
        """Append what is not in the log yet; there is no file where there is no problem."""
        if self.log and self._pending:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as lines:
                lines.writelines(json.dumps(asdict(problem)) + "\n" for problem in self._pending)
        self._pending.clear()


def _check(option: str, given: str, allowed: Iterable[str]) -> None:
    if given not in allowed:
        raise DataError(
            f"{option}={given!r} is unknown.{nearest(str(given), allowed)} "
            f"Give one of: {', '.join(allowed)}."
        )
