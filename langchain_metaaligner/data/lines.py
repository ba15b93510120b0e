"""Reading JSON lines and JSON arrays piece by piece, with the place of whatever is broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from langchain_metaaligner.data.problems import Problems
from langchain_metaaligner.errors import DataError

_CHUNK = 1 << 20


def open_text(path: Path) -> IO[str]:
    """Open a text file, also a gzipped one.

    Raises:
        DataError: if it does not exist.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}. Give the path of an existing file.")
    opened = gzip.open if path.suffix == ".gz" else open
    return cast("IO[str]", opened(path, "rt", encoding="utf-8", newline=""))


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) for each line; a broken line is a problem."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                problems.found("broken line", path.name, number, str(error))
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                problems.found("broken line", path.name, number, "not a JSON object")


def json_array(path: Path) -> Iterator[Any]:
    """Yield the items of a file that is one JSON array, without reading it as a whole.

    Raises:
        DataError: if it is not one; the message names the item before the break.
    """
    decoder, buffer, count, ended = json.JSONDecoder(), "", 0, False
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
                more = file.read(max(_CHUNK, len(buffer)))
                ended = not more
                buffer += more
                continue
            yield item
            count, buffer = count + 1, buffer[end:]
