"""Reading JSON lines and JSON arrays piece by piece, with the place of whatever is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.text import (
    UNREADABLE,
    checked_encoding,
    is_unicode,
    open_bytes,
    open_text,
)

_CHUNK = 1 << 20
_BETWEEN = " \t\r\n,"


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) for each line; a broken one, or no Unicode, is a problem."""
    for number, record in json_records(path, problems):
        if is_unicode(json.dumps(record, ensure_ascii=False)):
            yield number, record
        else:
            problems.found("broken line", path.name, number, "bytes or a surrogate, no Unicode")


def json_records(
    path: Path, problems: Problems, encoding: str | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) for each line that is a JSON object; any other is a problem.

    Bytes that are not of the encoding come as lone surrogates (``surrogateescape``), and so does
    half an emoji: such a record is a record all the same.
    """
    name = checked_encoding(encoding)
    with open_bytes(path) as lines:
        for number, line in _numbered(lines, path.name, problems, name):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.found("broken line", path.name, number, str(error))
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                problems.found("broken line", path.name, number, "not a JSON object")


def _numbered(
    file: IO[bytes], source: str, problems: Problems, encoding: str
) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        if encoding == "utf-8-sig":
            for number, line in enumerate(file, 1):
                first = "utf-8-sig" if number == 1 else "utf-8"
                yield number, line.decode(first, errors="surrogateescape")
        else:
            for number, text in enumerate(file.read().decode(encoding).split("\n"), 1):
                yield number, text
    except UNREADABLE as error:
        problems.found("broken line", source, number + 1, f"the file breaks off here: {error}")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not in {encoding}: {error}. Give its encoding with --encoding."
        ) from error


def json_array(path: Path, encoding: str | None = None) -> Iterator[Any]:
    """Yield the items of a file that is one JSON array, without reading it as a whole.

    Raises:
        DataError: if it is not one; the message names the item before the break.
    """
    decoder, count, at, ended = json.JSONDecoder(), 0, 1, False
    with open_text(path, errors="surrogateescape", encoding=encoding) as file:
        buffer = _more(file, path, 0).lstrip()
        if not buffer.startswith("["):
            raise DataError(f"{path} is no JSON array. Give a file that begins with '['.")
        while True:
            while at < len(buffer) and buffer[at] in _BETWEEN:
                at += 1
            if buffer.startswith("]", at):
                return
            try:
                item, at = decoder.raw_decode(buffer, at)
            except ValueError as error:
                if ended:
                    raise DataError(
                        f"{path} breaks off after item {count}: {error}. Mend the file."
                    ) from error
                piece = _more(file, path, count, max(_CHUNK, len(buffer) - at))
                ended = not piece
                buffer, at = buffer[at:] + piece, 0
                continue
            count += 1
            yield item


def _more(file: IO[str], path: Path, count: int, size: int = _CHUNK) -> str:
    try:
        return file.read(size)
    except (UnicodeDecodeError, *UNREADABLE) as broken:
        raise DataError(
            f"{path} cannot be read beyond item {count}: {broken}. Mend the file."
        ) from broken
