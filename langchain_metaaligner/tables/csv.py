r"""CSV files, plain (RFC 4180) or in the dialect of the research, read and written row by row.

The research's scripts write every backslash doubled (pandas, ``escapechar="\\"``), but read
without undoing it, so that each hop doubles the backslashes once more; and a lone carriage return
goes out unquoted, which splits its row on reading. Here the doubling is undone, and such a row is
quoted. Files of people are plain: a backslash in them is a backslash.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.text import is_unicode, open_bytes, open_text
from langchain_metaaligner.tables.whole import whole_file

_SINGLE = re.compile(rb"(?<!\\)(?:\\\\)*\\(?!\\)")
_LONGEST_CELL = 1 << 24  # what is longer is a quotation mark that was never closed


def is_escaped(path: Path) -> bool:
    """Whether a CSV file is in the research's dialect: all its backslashes stand in pairs."""
    with open_bytes(path) as lines:
        return not any(_SINGLE.search(line) for line in lines)


def check_columns(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a table without the columns that are needed.

    Raises:
        DataError: names the columns that are absent, and what may have been meant.
    """
    absent = [name for name in wanted if name not in found]
    if absent:
        raise DataError(
            f"{path.name} lacks the columns {', '.join(absent)}.{nearest(absent[0], found)} "
            f"It has: {', '.join(found) or 'nothing'}. Needed are: {', '.join(wanted)}."
        )


def csv_rows(
    path: Path, wanted: Sequence[str], problems: Problems
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row); the number is that of the line on which a row begins.

    A row with too few or too many cells, or with bytes that are no UTF-8, is a problem.

    Raises:
        DataError: if a column is missing.
    """
    escape = "\\" if is_escaped(path) else None
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    with open_text(path, errors="surrogateescape") as file:
        reader = csv.reader(file, escapechar=escape)
        header = next(reader, [])
        check_columns(path, header, wanted)

        def note(line: int, error: csv.Error) -> None:
            detail = f"{error}, up to line {reader.line_num}"
            problems.found("broken line", path.name, line, detail)

        for line, cells in _numbered(reader, note):
            if len(cells) != len(header):
                detail = f"{len(cells)} cells, not {len(header)}"
                problems.found("broken line", path.name, line, detail)
            elif not is_unicode(*cells):
                problems.found("broken line", path.name, line, "bytes that are no UTF-8")
            else:
                yield line, dict(zip(header, cells, strict=True))


def _numbered(
    reader: Any, broken: Callable[[int, csv.Error], object]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the line on which it begins.

    What is no row goes to ``broken``, with its line.
    """
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken(line, error)
            continue
        if cells:
            yield line, cells


def delimiter_of(header: str) -> str:
    """What separates the cells of a file, by its first line: a comma where one is there.

    >>> delimiter_of("question;answer"), delimiter_of("question,answer;draft")
    (';', ',')
    """
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def cell_rows(
    path: Path,
    problems: Problems,
    *,
    delimiter: str | None = None,
    escaped: bool = False,
    encoding: str | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a CSV file: of its header, then of each row.

    A row whose last cells were left out is filled up; one with more cells than the header is a
    problem. Bytes that are not of the encoding come as lone surrogates.

    Args:
        path: the file.
        problems: takes note of rows that are none.
        delimiter: by itself what stands in the first line: a comma, else a semicolon or a tab.
        escaped: whether the file is in the research's dialect.
        encoding: by itself UTF-8.

    Raises:
        DataError: if a quotation mark is never closed, or stands where it cannot be told what it
            means; the message names the line.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    with open_text(path, errors="surrogateescape", encoding=encoding) as file:
        if delimiter is None:
            delimiter = delimiter_of(file.readline())
            file.seek(0)
        reader = csv.reader(
            file, delimiter=delimiter, escapechar="\\" if escaped else None, strict=True
        )

        def refuse(line: int, error: csv.Error) -> None:
            raise DataError(_misquoted(path, line, reader.line_num, str(error))) from error

        header: list[str] | None = None
        for line, cells in _numbered(reader, refuse):
            header = header or cells
            if any(cells[len(header) :]):
                detail = f"{len(cells)} cells, not {len(header)}"
                problems.found("broken line", path.name, line, detail)
            else:
                yield line, cells[: len(header)] + [""] * (len(header) - len(cells))


def _misquoted(path: Path, line: int, last: int, error: str) -> str:
    if "larger than field limit" in error or "unexpected end" in error:
        wrong = "a quotation mark that opens in this row is never closed"
    else:
        wrong = f"a quotation mark stands where none can ({error})"
    return (
        f"{path}, row from line {line} to {last}: {wrong}, so that it cannot be told where rows "
        'end. Close it, or double quotation marks inside a cell: "he said ""no"".". Nothing was '
        "written."
    )


def write_cells(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ","
) -> int:
    """Write rows as plain CSV as they come; return their number."""
    plain = partial(csv.writer, delimiter=delimiter, lineterminator="\n")
    return _write(path, columns, rows, plain, csv.QUOTE_ALL)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write rows in the research's dialect as they come; return their number."""
    escaped = partial(csv.writer, escapechar="\\", lineterminator="\n")
    return _write(path, columns, rows, escaped, csv.QUOTE_NONNUMERIC)


def _write(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    dialect: Callable[..., Any],
    quoting: int,
) -> int:
    """Write rows in a dialect; one with a lone carriage return is quoted, or it would be split."""
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        plain, quoted = dialect(file), dialect(file, quoting=quoting)
        plain.writerow(columns)
        count = 0
        for row in rows:
            returns = any(isinstance(cell, str) and "\r" in cell for cell in row)
            (quoted if returns else plain).writerow(row)
            count += 1
    return count
