"""Files of answers, as ``metaaligner align-file`` writes them, for the evaluations to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas

from langchain_metaaligner.errors import DataError

COLUMNS = ("query", "goldens", "origin_responses", "aligned_responses")


@dataclass(frozen=True)
class Answers:
    """One row.

    Attributes:
        query: the question; empty where the file has none.
        golden: the golden answer; None where there is none.
        origin: the draft; None where there is none.
        aligned: the aligned answer; None where there is none.
    """

    query: str
    golden: str | None
    origin: str | None
    aligned: str | None

    def of(self, column: str) -> str | None:
        """The text of one of `COLUMNS`."""
        return dict(
            zip(COLUMNS, (self.query, self.golden, self.origin, self.aligned), strict=True)
        )[column]


def read_answers(path: Path, limit: int | None = None) -> list[Answers]:
    """Read a CSV, JSONL or Parquet file. Empty cells and what is no text count as absent.

    Args:
        path: the file.
        limit: how many rows at most; None for all.

    Raises:
        DataError: if it cannot be read, or lacks ``query`` or both kinds of responses.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Give a .csv, .jsonl or .parquet file.")
    if path.suffix == ".csv":
        frame = pandas.read_csv(path, keep_default_na=False, escapechar="\\", dtype=str)
    elif path.suffix == ".jsonl":
        frame = pandas.read_json(path, lines=True, dtype=False)
    elif path.suffix == ".parquet":
        frame = pandas.read_parquet(path)
    else:
        raise DataError(f"{path} cannot be read. Give a .csv, .jsonl or .parquet file.")
    renamed = {"generated_text": "origin_responses"}
    if "origin_responses" not in frame.columns:
        frame = frame.rename(columns=renamed)
    absent = [name for name in ("query", "origin_responses") if name not in frame.columns]
    if absent:
        raise DataError(
            f"{path} lacks the columns {', '.join(absent)}. It has: {', '.join(frame.columns)}. "
            "Give a file as `metaaligner align-file` writes it."
        )
    return list(_rows(frame.head(limit) if limit else frame))


def _rows(frame: pandas.DataFrame) -> Iterator[Answers]:
    for row in frame.to_dict("records"):
        yield Answers(
            _text(row.get("query")) or "", *(_text(row.get(name)) for name in COLUMNS[1:])
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
