"""Rows of CSV, JSONL and Parquet files and of Hub data sets, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.jsonl import json_lines
from langchain_metaaligner.tables.problems import Problems

QUESTIONS = ("query", "question", "prompt", "input", "instruction")
ANSWERS = ("generated_text", "origin_responses", "answer", "response", "output", "draft")
GOLDEN = "gpt-3.5-turbo"
"""The column of golden answers in MentaLLaMA's test sets."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A source of rows.

    Attributes:
        source: a file, or the name of a data set on the Hub.
        columns: names of its columns, in order.
        question: the column of questions; None where `questions` has them.
        answer: the column of draft answers.
        questions: a CSV file with a ``query`` for each row of the source, joined by place, as
            MentaLLaMA's test sets are with the released outputs on IMHI.
    """

    source: str
    columns: tuple[str, ...]
    question: str | None
    answer: str
    questions: Path | None = None

    def rows(self, problems: Problems) -> Iterator[Row]:
        """The rows, each with its question under `question` or, joined, under ``query``.

        Raises:
            DataError: if the joined file has fewer rows, or answers to something else.
        """
        rows = _rows(self.source, problems)
        return rows if self.questions is None else _joined(rows, self.questions, self.source)

    @property
    def asked(self) -> str:
        """The key of the question in a row."""
        return self.question or "query"

    def __len__(self) -> int:
        """How many rows there are, counted in one pass over the file; 0 where that is not known."""
        if not Path(self.source).is_file():
            return 0
        if self.source.endswith(".parquet"):
            import pyarrow.parquet

            return int(pyarrow.parquet.ParquetFile(self.source).metadata.num_rows)
        return sum(1 for _ in _rows(self.source, Problems()))


def open_table(
    source: str,
    question: str | None = None,
    answer: str | None = None,
    questions: Path | None = None,
) -> Table:
    """Find the columns of a source.

    Args:
        source: a ``.csv``, ``.jsonl`` or ``.parquet`` file, or ``NAME[:SPLIT]`` on the Hub.
        question: the column of questions; by itself the first of `QUESTIONS` that is there.
        answer: the column of draft answers; by itself the first of `ANSWERS` that is there.
        questions: a CSV file whose ``query`` column is joined by row.

    Raises:
        DataError: if there is no such source, or no such column; the message names those seen.
    """
    columns = _columns(source)
    asked = None if questions else _column("question", question, QUESTIONS, columns, source)
    return Table(
        source, columns, asked, _column("answer", answer, ANSWERS, columns, source), questions
    )


def _column(
    kind: str, given: str | None, usual: Sequence[str], columns: Sequence[str], source: str
) -> str:
    if given in columns:
        return str(given)
    found = [name for name in usual if name in columns]
    if given is None and found:
        return found[0]
    wanted = repr(given) if given else f"for the {kind}, such as {', '.join(usual)}"
    raise DataError(
        f"{source} has no column {wanted}.{nearest(given or kind, columns)} It has: "
        f"{', '.join(columns) or 'none'}. Name the column with --{kind}-column"
        + (", or join a file with --questions." if kind == "question" else ".")
    )


def _columns(source: str) -> tuple[str, ...]:
    path = Path(source)
    if path.suffix == ".parquet" and path.is_file():
        import pyarrow.parquet

        return tuple(pyarrow.parquet.ParquetFile(path).schema_arrow.names)
    if path.is_file() and path.suffix == ".csv":
        import csv

        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            return tuple(next(csv.reader(file), []))
    first = next(_rows(source, Problems()), {})
    return tuple(first)


def _rows(source: str, problems: Problems) -> Iterator[Row]:
    path = Path(source)
    if path.suffix == ".csv":
        return (row for _, row in csv_rows(path, (), problems))
    if path.suffix in (".jsonl", ".ndjson"):
        return (row for _, row in json_lines(path, problems))
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.exists() or path.suffix in (".json", ".tsv", ".txt", ".xlsx"):
        raise DataError(f"{source} cannot be read. Give a .csv, .jsonl or .parquet file.")
    return _hub(source)


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the path of an existing file.")
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1024):
        yield from batch.to_pylist()


def _hub(source: str) -> Iterator[Row]:
    from datasets import load_dataset

    name, _, split = source.partition(":")
    try:
        yield from load_dataset(name, split=split or "train", streaming=True)
    except Exception as error:  # datasets and the Hub raise errors of many kinds
        raise DataError(
            f"{source} is no file here, and no data set could be read by that name "
            f"({type(error).__name__}: {str(error)[:200]}). Give a file, or NAME:SPLIT on the Hub."
        ) from error


def _joined(rows: Iterator[Row], questions: Path, source: str) -> Iterator[Row]:
    asked = csv_rows(questions, ("query",), Problems("raise"))
    for number, (row, question) in enumerate(zip_longest(rows, asked), 1):
        if row is None:  # the released outputs are at times a part of a test set
            return
        if question is None:
            raise DataError(
                f"{source} has more rows than {questions}: row {number} has no question. Give the "
                "test set that the answers were made for."
            )
        _, cells = question
        if "goldens" in row and GOLDEN in cells and row["goldens"] != cells[GOLDEN]:
            raise DataError(
                f"Row {number} of {source} has another golden answer than that of {questions}: "
                "they do not belong together. Give the test set that the answers were made for."
            )
        yield {"query": cells["query"], **row}
