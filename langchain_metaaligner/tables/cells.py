"""Values of any kind as files can hold them: as JSON, and as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from langchain_metaaligner.tables.text import writable


def jsonable(value: Any) -> Any:
    """A value as JSON knows it, for every reader of JSON.

    Dates and times are in ISO 8601, durations too; decimals keep their digits as text; bytes are
    base64; a number that is none (NaN, infinity) is null.

    >>> import datetime, decimal
    >>> jsonable({"on": datetime.date(2024, 5, 1), "price": decimal.Decimal("1.10")})
    {'on': '2024-05-01', 'price': '1.10'}
    >>> jsonable([float("nan"), datetime.timedelta(seconds=3), b"ab"])
    [None, 'PT3S', 'YWI=']
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return to_jsonable_python(value, bytes_mode="base64", inf_nan_mode="null", fallback=str)


def json_line(row: Mapping[str, Any]) -> str:
    r"""A row as one line of JSON, without its end.

    It is ASCII, so that half an emoji survives and no reader finds a line end within.

    >>> json_line({"half": "\ud83d"})
    '{"half": "\\ud83d"}'
    """
    return json.dumps(jsonable(row), allow_nan=False)


def as_text(value: Any) -> str | None:
    """A value as a cell of text: text as it stands, anything else as JSON has it.

    >>> as_text("one"), as_text(1.5), as_text(["a"]), as_text(None)
    ('one', '1.5', '["a"]', None)
    """
    if value is None:
        return None
    plain = jsonable(value)
    if isinstance(plain, str):
        return writable(plain)
    return writable(json.dumps(plain, ensure_ascii=False))


def plain_text(value: Any) -> Any:
    """A value in which every text is Unicode, however deep it stands."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list):
        return [plain_text(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_text(item) for key, item in value.items()}
    return value
