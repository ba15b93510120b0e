"""The one reader of rows: CSV, TSV, JSON, JSONL and Parquet files, and data sets on the Hub."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import cell_rows
from langchain_metaaligner.tables.jsonl import json_array, json_records
from langchain_metaaligner.tables.problems import Problems

Row = Mapping[str, Any]

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
"""File names' endings, and what is in such files. ``.gz`` may follow, but for Parquet."""

READ = "a .csv, .tsv, .json, .jsonl or .parquet file"


def format_of(path: Path) -> str | None:
    """What a file's name says is in it, whatever the case; None where it says nothing.

    >>> format_of(Path("EXPORT.CSV")), format_of(Path("drafts.jsonl.gz")), format_of(Path("notes"))
    ('csv', 'jsonl', None)
    """
    name = path.name.lower().removesuffix(".gz")
    return FORMATS.get(Path(name).suffix)


@dataclass(frozen=True)
class Source:
    """A file of rows, or a data set on the Hub.

    Attributes:
        name: the file, or ``NAME[:SPLIT]`` on the Hub.
        format: "csv", "tsv", "json", "jsonl", "parquet" or "hub".
        columns: the keys of a row, in order. JSON files have a column for every key that any record
            has.
        headings: the columns as the file names them: two of one name differ in their keys alone.
        count: how many rows there are; None where that is known only at the end.
        escaped: whether CSV is in the research's dialect.
        encoding: of a text file; None is UTF-8.
        limit: how many rows are taken, from the first on; None takes all.
    """

    name: str
    format: str
    columns: tuple[str, ...]
    headings: tuple[str, ...]
    count: int | None = None
    escaped: bool = False
    encoding: str | None = None
    limit: int | None = None

    @property
    def path(self) -> Path:
        """The file; of a data set on the Hub, none that exists."""
        return Path(self.name)

    def first(self, limit: int | None) -> Source:
        """The same source with its first rows alone; None leaves it as it is."""
        if limit is None:
            return self
        count = None if self.count is None else min(limit, self.count)
        return replace(self, limit=limit, count=count)

    def rows(self, problems: Problems) -> Iterator[Row]:
        """The rows, one after the other; what is none is a problem.

        What is no text of the encoding comes as lone surrogates.

        Raises:
            DataError: if the file cannot be read.
        """
        return islice(self._all_rows(problems), self.limit)

    def _all_rows(self, problems: Problems) -> Iterator[Row]:
        if self.format == "parquet":
            from langchain_metaaligner.tables.parquet import parquet_rows

            return parquet_rows(self.path, self.columns)
        if self.format == "hub":
            return iter(_hub_rows(self.name))
        if self.format in ("json", "jsonl"):
            return (
                {name: record.get(name) for name in self.columns}
                for record in _json_records(self.path, self.format, self.encoding, problems)
            )
        rows = _cells(self.path, self.format, self.escaped, self.encoding, problems)
        next(rows, None)  # the header
        return (dict(zip(self.columns, cells, strict=True)) for _, cells in rows)


def open_source(
    name: str | Path,
    *,
    format: str | None = None,
    escaped: bool = False,
    encoding: str | None = None,
) -> Source:
    """Look at a source: its columns, and how many rows it has.

    Text files are read through once, so that what cannot be read is told before anything is done.

    Args:
        name: a file, or ``NAME[:SPLIT]`` on the Hub.
        format: of a file whose name does not say it: a value of `FORMATS`.
        escaped: whether a CSV file is in the research's dialect: backslashes doubled.
        encoding: of a text file, such as "cp1252"; by itself UTF-8.

    Raises:
        DataError: if there is no such file or data set, or it cannot be read.
        SettingError: if the encoding is unknown.
    """
    path = Path(name)
    kind = format or format_of(path)
    if kind is None and not path.exists():
        return _hub_source(str(name))
    if kind is None or path.is_dir():
        raise DataError(f"{name} cannot be read. Give {READ}.")
    if kind == "parquet":
        from langchain_metaaligner.tables.parquet import parquet_columns

        headings, count = parquet_columns(path)
    elif kind in ("json", "jsonl"):
        headings, count = _json_columns(path, kind, encoding)
    else:
        headings, count = _cell_columns(path, kind, escaped, encoding)
    return Source(str(name), kind, _distinct(headings), headings, count, escaped, encoding)


def spooled(stream: IO[bytes], format: str) -> Path:
    """Standard input as a file, which can be read more than once; the caller removes it."""
    with tempfile.NamedTemporaryFile(suffix=f".{format}", delete=False) as file:
        while piece := stream.read(1 << 20):
            file.write(piece)
    return Path(file.name)


def _distinct(headings: Iterable[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    keys = []
    for heading in headings:
        seen[heading] += 1
        keys.append(heading if seen[heading] == 1 else f"{heading} ({seen[heading]})")
    return tuple(keys)


def _cells(
    path: Path, kind: str, escaped: bool, encoding: str | None, problems: Problems
) -> Iterator[tuple[int, list[str]]]:
    delimiter = "\t" if kind == "tsv" else None
    return cell_rows(path, problems, delimiter=delimiter, escaped=escaped, encoding=encoding)


def _cell_columns(
    path: Path, kind: str, escaped: bool, encoding: str | None
) -> tuple[tuple[str, ...], int]:
    rows = _cells(path, kind, escaped, encoding, Problems())
    _, header = next(rows, (0, []))
    return tuple(header), sum(1 for _ in rows)


def _json_records(
    path: Path, kind: str, encoding: str | None, problems: Problems
) -> Iterator[dict[str, Any]]:
    if kind == "jsonl":
        yield from (record for _, record in json_records(path, problems, encoding))
        return
    for number, item in enumerate(json_array(path, encoding), 1):
        if isinstance(item, dict):
            yield item
        else:
            problems.found("broken line", path.name, number, "an item that is no JSON object")


def _json_columns(path: Path, kind: str, encoding: str | None) -> tuple[tuple[str, ...], int]:
    columns: dict[str, None] = {}
    count = 0
    for record in _json_records(path, kind, encoding, Problems()):
        columns.update(dict.fromkeys(record))
        count += 1
    return tuple(columns), count


def _hub_source(name: str) -> Source:
    dataset = _hub_rows(name)
    columns = dataset.column_names or list(next(iter(dataset), {}))
    return Source(name, "hub", tuple(columns), tuple(columns))


def _hub_rows(name: str) -> Any:
    from datasets import load_dataset

    identifier, _, split = name.partition(":")
    try:
        return load_dataset(identifier, split=split or "train", streaming=True)
    except Exception as error:  # datasets and the Hub raise errors of many kinds
        raise DataError(
            f"{name} is no file here, and no data set could be read by that name "
            f"({type(error).__name__}: {str(error)[:200]}). Give a file, or NAME:SPLIT on the Hub."
        ) from error
