"""Reading JSON lines and JSON arrays piece by piece, with the place of whatever is broken."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.problems import Problems

_CHUNK = 1 << 20
_UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file to read, also a gzipped one.

    Raises:
        DataError: if it does not exist.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the path of an existing file.")
    opened = gzip.open if path.suffix == ".gz" else open
    return cast("IO[bytes]", opened(path, "rb"))


def open_text(path: Path, errors: str = "strict") -> IO[str]:
    """Open a text file, also a gzipped one, in UTF-8 with or without a mark at its beginning.

    Raises:
        DataError: if it does not exist.
    """
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", errors=errors, newline="")


def is_unicode(*texts: str) -> bool:
    r"""Whether texts can be written as UTF-8, which lone surrogates cannot.

    >>> is_unicode("caf\u00e9"), is_unicode("fine", "\ud800")
    (True, False)
    """
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) for each line; a broken line is a problem."""
    with open_bytes(path) as lines:
        for number, line in _numbered(lines, path.name, problems):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                problems.found("broken line", path.name, number, str(error))
                continue
            if not isinstance(record, dict):
                problems.found("broken line", path.name, number, "not a JSON object")
            elif b"\\u" in line and not is_unicode(json.dumps(record, ensure_ascii=False)):
                problems.found("broken line", path.name, number, "a lone surrogate, no Unicode")
            else:
                yield number, record


def _numbered(lines: IO[bytes], source: str, problems: Problems) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            yield number, line
    except _UNREADABLE as error:
        problems.found("broken line", source, number + 1, f"the file breaks off here: {error}")


def json_array(path: Path) -> Iterator[Any]:
    """Yield the items of a file that is one JSON array, without reading it as a whole.

    Raises:
        DataError: if it is not one; the message names the item before the break.
    """
    decoder, count, ended = json.JSONDecoder(), 0, False
    with open_text(path) as file:
        buffer = file.read(_CHUNK).lstrip()
        if not buffer.startswith("["):
            raise DataError(f"{path} is no JSON array. Give a file that begins with '['.")
        buffer = buffer[1:]
        while True:
            buffer = buffer.lstrip(" \t\r\n,")
            if buffer.startswith("]"):
                return
            try:
                item, end = decoder.raw_decode(buffer)
            except ValueError as error:
                if ended:
                    raise DataError(
                        f"{path} breaks off after item {count}: {error}. Mend the file."
                    ) from error
                try:
                    more = file.read(max(_CHUNK, len(buffer)))
                except (UnicodeDecodeError, *_UNREADABLE) as broken:
                    raise DataError(
                        f"{path} cannot be read beyond item {count}: {broken}. Mend the file."
                    ) from broken
                ended = not more
                buffer += more
                continue
            yield item
            count, buffer = count + 1, buffer[end:]
