"""Rows of answers, written as CSV, JSONL or Parquet as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import write_csv

_GROUP = 1024


def check_output(path: Path) -> None:
    """Refuse a file that could not be written at the end, before anything is done.

    Raises:
        DataError: if its suffix is unknown.
    """
    if path.suffix not in (".csv", ".jsonl", ".parquet"):
        raise DataError(f"{path} was given as output. Give a .csv, .jsonl or .parquet file.")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows in the format of the file's suffix; the file appears when it is whole.

    Args:
        path: the file.
        columns: what is written of each row.
        rows: any number of rows, taken one by one.

    Returns:
        How many there were.
    """
    if path.suffix == ".csv":
        return write_csv(
            path, columns, ([_cell(row.get(name)) for name in columns] for row in rows)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    chosen = ({name: row.get(name) for name in columns} for row in rows)
    count = (_jsonl if path.suffix == ".jsonl" else _parquet)(unfinished, chosen)
    unfinished.replace(path)
    return count


def _cell(value: Any) -> object:
    """A value as CSV has it; lone surrogates, which no file can hold, become question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value if value is None or isinstance(value, int | float) else json.dumps(value)


def _jsonl(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007
            file.write(json.dumps(row) + "\n")
    return count


def _parquet(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    count, group, writer = 0, list[dict[str, Any]](), None
    try:
        for count, row in enumerate(rows, 1):  # noqa: B007
            group.append({name: _cell(value) for name, value in row.items()})
            if len(group) == _GROUP:
                writer = _write_group(path, group, writer)
                group = []
        if group or writer is None:
            writer = _write_group(path, group, writer)
    finally:
        if writer is not None:
            writer.close()
    return count


def _write_group(path: Path, group: list[dict[str, Any]], writer: Any) -> Any:
    import pyarrow
    import pyarrow.parquet

    schema = None if writer is None else writer.schema
    table = pyarrow.Table.from_pylist(group, schema=schema)
    if writer is None:
        # A column that is empty so far may hold text later.
        fields = [
            pyarrow.field(one.name, pyarrow.string()) if pyarrow.types.is_null(one.type) else one
            for one in table.schema
        ]
        table = table.cast(pyarrow.schema(fields))
        writer = pyarrow.parquet.ParquetWriter(path, table.schema)
    writer.write_table(table)
    return writer
