"""Text files as they come: gzipped or not, in any encoding that is named."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from pathlib import Path
from typing import IO, cast

from langchain_metaaligner.errors import DataError, SettingError

UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error)
"""What a gzipped file raises where it breaks off."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file to read, also a gzipped one.

    Raises:
        DataError: if it does not exist.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"There is no file {path}: it {what}. Give the path of an existing file.")
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    return cast("IO[bytes]", opened(path, "rb"))


def open_text(path: Path, errors: str = "strict", encoding: str | None = None) -> IO[str]:
    """Open a text file, also a gzipped one; line ends are left as they are.

    Args:
        path: the file.
        errors: what becomes of bytes that are no text, as `open` takes it.
        encoding: by itself UTF-8, with or without a mark at the beginning.

    Raises:
        DataError: if it does not exist, or begins with the mark of another encoding.
        SettingError: if the encoding is unknown.
    """
    name = checked_encoding(encoding)
    file = open_bytes(path)
    if encoding is None:
        marked = _marked(path)
        if marked:
            file.close()
            raise DataError(
                f"{path} is in {marked.upper()} by the mark at its beginning, and no encoding was "
                f"named. Give --encoding {marked}, or save the file in UTF-8."
            )
    return io.TextIOWrapper(file, encoding=name, errors=errors, newline="")


def checked_encoding(encoding: str | None) -> str:
    """The codec for an encoding; UTF-8 that minds no mark where none was named.

    Raises:
        SettingError: if there is no such encoding.
    """
    if encoding is None:
        return "utf-8-sig"
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise SettingError(
            f"The encoding {encoding!r} is unknown. Give a name that Python knows, such as utf-8, "
            "cp1252, latin-1 or utf-16."
        ) from None
    return "utf-8-sig" if name == "utf-8" else name


def _marked(path: Path) -> str | None:
    with open_bytes(path) as file:
        try:
            beginning = file.read(4)
        except UNREADABLE:
            return None
    return next((name for mark, name in _MARKS if beginning.startswith(mark)), None)


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


def writable(text: str) -> str:
    r"""A text as every file can hold it: what is no Unicode becomes U+FFFD.

    >>> writable("half \ud83d an emoji")
    'half \ufffd an emoji'
    """
    if is_unicode(text):
        return text
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
