"""What is wrong with the input of a builder: counted, reported by line, never silently dropped."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from langchain_metaaligner.errors import DataError

OnProblem = Literal["skip", "raise"]
Kind = Literal[
    "broken line", "missing field", "missing rating", "bad rating", "empty answer",
    "duplicate query",
]  # fmt: skip

#: What is left out for each kind of problem, under ``on_problem="skip"``.
LEFT_OUT: dict[Kind, str] = {
    "broken line": "the line",
    "missing field": "the record",
    "missing rating": "the rating",
    "bad rating": "the rating",
    "empty answer": "the answer",
    "duplicate query": "nothing: the record is used",
}


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

    >>> problems = Problems()
    >>> problems.found("empty answer", "pairs.csv", 7, "column chosen_response")
    >>> problems.counts
    {'empty answer': 1}
    """

    on_problem: OnProblem = "skip"
    all: list[Problem] = field(default_factory=list)

    def found(self, kind: Kind, source: str, line: int, detail: str) -> None:
        """Take note of a problem.

        Raises:
            DataError: under ``on_problem="raise"``.
        """
        if self.on_problem == "raise":
            raise DataError(
                f"{source}, line {line}: {kind} ({detail}). Mend the file, or let such records be "
                f'skipped and counted (on_problem="skip", no --strict).'
            )
        self.all.append(Problem(kind, source, line, detail))

    @property
    def counts(self) -> dict[str, int]:
        """How many problems there are of each kind."""
        return dict(Counter(problem.kind for problem in self.all))

    def write(self, path: Path) -> None:
        """Write one JSON line for each problem; no file where there is none."""
        path.unlink(missing_ok=True)
        if self.all:
            with path.open("w", encoding="utf-8") as lines:
                lines.writelines(json.dumps(asdict(problem)) + "\n" for problem in self.all)
