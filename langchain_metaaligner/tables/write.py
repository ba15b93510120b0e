"""Rows as files: CSV, TSV, JSON, JSONL or Parquet, written as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.cells import as_text, json_line
from langchain_metaaligner.tables.csv import write_cells, write_csv
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import FORMATS, READ, Row, Source
from langchain_metaaligner.tables.text import writable
from langchain_metaaligner.tables.whole import whole_file


def check_output(
    path: Path, inputs: Iterable[Path], own: Path | None = None, force: bool = False
) -> str:
    """Refuse an output that could not be written, or would destroy something, before any work.

    Args:
        path: where the output is to stand.
        inputs: files that are read; none of them can be the output, whatever ``force`` says.
        own: a file that lies beside an output of ours; where it is, the output may be replaced.
        force: whether any other file may be replaced as well.

    Returns:
        The output's format.

    Raises:
        DataError: says what stands in the way.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} was given as output. Give {READ}.")
    if path.is_dir():
        raise DataError(f"{path} was given as output and is a folder. Give a file in it.")
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise DataError(
                f"{path} is both input and output. Give another file as output: the input is read "
                "again when a stopped run goes on."
            )
    if path.exists() and not force and not (own is not None and own.exists()):
        raise DataError(
            f"{path} exists, and was not written by this command. Give another file as output, or "
            "--force to replace it."
        )
    return kind


def write_rows(
    path: Path,
    source: Source,
    added: Sequence[str],
    rows: Iterable[Row],
    leading: Sequence[str] = (),
) -> int:
    """Write rows in the format of the file's name; the file appears when it is whole.

    From Parquet to Parquet the source's columns are copied, value for value and type for type. In
    other Parquet files a column has the narrowest type that holds all of its values.

    Args:
        path: the file.
        source: what the rows were made from; its columns keep their order.
        added: columns of text behind them; one that the source has too is not written twice.
        rows: any number of rows, taken one by one.
        leading: columns of text before them.

    Returns:
        How many there were.

    Raises:
        DataError: if the name's ending is unknown.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} was given as output. Give {READ}.")
    new = [name for name in added if name not in source.columns]
    columns = [*leading, *source.columns, *new]
    headings = [*leading, *source.headings, *new]
    if kind in ("csv", "tsv"):
        cells = ([_cell(row.get(name)) for name in columns] for row in rows)
        if source.escaped and kind == "csv":
            return write_csv(path, headings, cells)
        return write_cells(path, headings, cells, "\t" if kind == "tsv" else ",")
    with whole_file(path) as unfinished:
        if kind == "parquet":
            return _parquet(unfinished, source, added, columns, rows, leading)
        with unfinished.open("w", encoding="utf-8") as file:
            lines = ({name: row.get(name) for name in columns} for row in rows)
            return write_json_lines(file, lines) if kind == "jsonl" else _array(file, lines)


def write_json_lines(file: TextIO, rows: Iterable[Row]) -> int:
    """Write each row as a line of JSON as it comes; return their number."""
    count = 0
    for row in rows:
        file.write(json_line(row) + "\n")
        count += 1
    return count


def _array(file: TextIO, rows: Iterator[Mapping[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(("[\n" if count == 0 else ",\n") + json_line(row))
        count += 1
    file.write("\n]\n" if count else "[]\n")
    return count


def _parquet(
    path: Path,
    source: Source,
    added: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[Row],
    leading: Sequence[str],
) -> int:
    from langchain_metaaligner.tables.parquet import widest_types, write_beside, write_parquet

    if source.format == "parquet":
        return write_beside(path, source.path, added, rows, leading)
    types = widest_types(source.rows(Problems()), source.columns)
    text = widest_types((), columns)
    return write_parquet(path, {name: types.get(name, text[name]) for name in columns}, rows)


def _cell(value: Any) -> object:
    """A value as CSV has it; what no file can hold becomes U+FFFD."""
    if isinstance(value, str):
        return writable(value)
    return value if isinstance(value, int | float) else as_text(value)
