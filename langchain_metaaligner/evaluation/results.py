"""What an evaluation leaves behind: a folder that the report reads.

``result.json`` holds the kind of the evaluation, its settings and its figures; ``rows.jsonl`` one
JSON object for each row that was looked at, in the order of the input. Both are made afresh from
the ledger at the end of every run, so that a killed run that is started again leaves the same
folder as an unbroken one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError

RESULT = "result.json"
ROWS = "rows.jsonl"
KINDS = ("judge", "rating", "reward", "imhi", "unseen", "compare")


@dataclass(frozen=True)
class Result:
    """One evaluation, as it is read back.

    Attributes:
        folder: where it lies.
        kind: "judge", "rating", "reward", "imhi", "unseen" or "compare".
        settings: what was evaluated, and how.
        figures: the aggregated numbers; their shape belongs to the kind.
    """

    folder: Path
    kind: str
    settings: dict[str, Any]
    figures: dict[str, Any]

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, one after the other."""
        with (self.folder / ROWS).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def write_result(
    folder: Path,
    kind: str,
    settings: Mapping[str, Any],
    figures: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
) -> Result:
    """Write an evaluation into a folder, in place of an earlier one.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> result = write_result(folder, "judge", {"judge": "gpt"}, {"rows": 1}, [{"query": "q"}])
    >>> read_result(folder) == result, list(result.rows())
    (True, [{'query': 'q'}])
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = {"kind": kind, "settings": dict(settings), "figures": dict(figures)}
    lines = (json.dumps(row) + "\n" for row in rows)
    _replace(folder / ROWS, lines)
    _replace(folder / RESULT, [json.dumps(told, indent=1, sort_keys=True) + "\n"])
    return read_result(folder)


def read_result(folder: Path) -> Result:
    """Read what an evaluation left in a folder.

    Raises:
        DataError: if no evaluation ended in that folder.
    """
    path = folder / RESULT
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {RESULT}. Give the --output folder of a finished "
            "`metaaligner evaluate` command; an unfinished one goes on when it is run again."
        )
    told = json.loads(path.read_text(encoding="utf-8"))
    return Result(folder, told["kind"], told["settings"], told["figures"])


def _replace(path: Path, lines: Iterable[str]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    partial.replace(path)
