"""What an evaluation leaves behind: a folder that the report reads.

``result.json`` holds the kind of the evaluation, its settings and its figures; ``rows.jsonl`` one
JSON object for each row that was looked at, in the order of the input. Both are made afresh from
the ledger at the end of every run, so that a killed run that is started again leaves the same
folder as an unbroken one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.whole import whole_file

RESULT = "result.json"
ROWS = "rows.jsonl"
ABOUT = "about.json"
"""When and with which version a result was made: beside it, for equal runs have equal results."""

Progress = Callable[[int], object]
"""Is called with the number of units of work that were done since the last call."""

_PORTS = {f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10)}
_RESERVED = {"CON", "PRN", "AUX", "NUL", *_PORTS}  # no file may be called so on Windows


def no_progress(units: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True)
class Result:
    """One evaluation, as it is read back.

    Attributes:
        folder: where it lies.
        kind: what was measured, such as "judge"; `report` knows how each kind is shown.
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
    result = {"kind": kind, "settings": dict(settings), "figures": dict(figures)}
    with whole_file(folder / ROWS) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with whole_file(folder / RESULT) as unfinished:
        unfinished.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    made = {
        "written": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "langchain-metaaligner": version("langchain-metaaligner"),
    }
    with whole_file(folder / ABOUT) as unfinished:
        unfinished.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return read_result(folder)


def read_about(folder: Path) -> dict[str, str]:
    """When and with which version a result was made; nothing where that is not known."""
    path = folder / ABOUT
    if not path.is_file():
        return {}
    return {str(name): str(value) for name, value in json.loads(path.read_text("utf-8")).items()}


def read_result(folder: Path) -> Result:
    """Read what an evaluation left in a folder.

    Raises:
        DataError: if no evaluation ended in that folder, or another program wrote its file.
    """
    path = folder / RESULT
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {RESULT}. Give the --output folder of a finished "
            "`metaaligner evaluate` command; an unfinished one goes on when it is run again."
        )
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        return Result(folder, result["kind"], result["settings"], result["figures"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not what `metaaligner evaluate` writes ({type(error).__name__}: {error}). "
            "Run the evaluation again; what its ledger has is not paid for twice."
        ) from error


def file_name(text: str) -> str:
    """A name of a system or an objective as the name of a file, on every system.

    Signs that a path or Windows gives a meaning become dashes; a digest keeps names apart then.

    >>> file_name("instruction_following"), file_name("../a:b")
    ('instruction_following', 'a-b-7b2665')
    """
    name = re.sub(r"[^\w. -]+", "-", text).strip(". ")[:80].rstrip(". ")
    if name == text and name.partition(".")[0].upper() not in _RESERVED:
        return name
    name = name.lstrip("-.").replace(".", "-")
    return f"{name or 'name'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
