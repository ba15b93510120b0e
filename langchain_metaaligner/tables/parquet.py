"""Parquet files: rows out of them, and rows into them with types that hold every value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.cells import as_text, plain_text

_BATCH = 1024  # rows in memory
_EXACT = 2**53  # up to here a float64 holds every integer


def parquet_columns(path: Path) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and the number of rows.

    Raises:
        DataError: if there is no such file, or it is no Parquet.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the path of an existing file.")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names), int(file.metadata.num_rows)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path} is no Parquet file: {error}. Write it again.") from error


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows under keys of their own, which differ where two columns have one name."""
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            yield from batch.rename_columns(list(columns)).to_pylist()


def widest_types(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    """An Arrow type for each column that holds all of its values; text where no other does.

    >>> rows = [{"n": 1, "x": 1, "y": None}, {"n": 2.5, "x": "one", "y": True}]
    >>> {name: str(kind) for name, kind in widest_types(rows, ["n", "x", "y"]).items()}
    {'n': 'double', 'x': 'string', 'y': 'bool'}
    """
    types = dict.fromkeys(columns, pyarrow.null())
    large: set[str] = set()
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        for name in columns:
            values = [row.get(name) for row in batch]
            types[name] = _wider(types[name], values)
            if any(isinstance(value, int) and abs(value) > _EXACT for value in values):
                large.add(name)
    for name, kind in types.items():
        if pyarrow.types.is_null(kind) or (name in large and pyarrow.types.is_floating(kind)):
            types[name] = pyarrow.string()
    return types


def _wider(kind: Any, values: Sequence[Any]) -> Any:
    if pyarrow.types.is_string(kind):
        return kind
    try:
        seen = pyarrow.array([plain_text(value) for value in values]).type
        both = [pyarrow.schema([("", each)]) for each in (kind, seen)]
        return pyarrow.unify_schemas(both, promote_options="permissive").field(0).type
    except (pyarrow.ArrowException, OverflowError):
        return pyarrow.string()


def write_parquet(path: Path, types: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows with the given types; a number in a column of text is text. Count the rows."""
    schema, count = pyarrow.schema(list(types.items())), 0
    rows = iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            arrays = [
                pyarrow.array(_fitting([row.get(name) for row in batch], kind), kind)
                for name, kind in types.items()
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
            count += len(batch)
    return count


def write_beside(
    path: Path,
    source: Path,
    added: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    leading: Sequence[str] = (),
) -> int:
    """Write the columns of a Parquet file as they are, with others of text beside them.

    Args:
        path: the new file.
        source: the file whose columns are taken over, value for value and type for type.
        added: columns of text behind them; one that the source has too takes its place.
        rows: a row for each of the source, in its order; where they end, so does the new file.
        leading: columns of text before them.

    Returns:
        How many rows there were.
    """
    rows, count, text = iter(rows), 0, pyarrow.string()
    with pyarrow.parquet.ParquetFile(source) as file:
        schema = file.schema_arrow
        copied = [at for at, name in enumerate(schema.names) if name not in added]
        places: list[tuple[str, int | None]] = [
            *((name, None) for name in leading),
            *((name, at if at in copied else None) for at, name in enumerate(schema.names)),
            *((name, None) for name in added if name not in schema.names),
        ]
        fields = [
            pyarrow.field(name, text) if at is None else schema.field(at) for name, at in places
        ]
        new = pyarrow.schema(fields, metadata=schema.metadata)
        with pyarrow.parquet.ParquetWriter(path, new) as writer:
            for batch in file.iter_batches(batch_size=_BATCH):
                beside = list(islice(rows, batch.num_rows))
                batch = batch.slice(length=len(beside))
                arrays = [
                    pyarrow.array([as_text(row.get(name)) for row in beside], text)
                    if at is None
                    else batch.column(at)
                    for name, at in places
                ]
                writer.write_batch(pyarrow.record_batch(arrays, schema=new))
                count += len(beside)
    return count


def _fitting(values: Sequence[Any], kind: Any) -> list[Any]:
    if pyarrow.types.is_string(kind):
        return [as_text(value) for value in values]
    return [plain_text(value) for value in values]
