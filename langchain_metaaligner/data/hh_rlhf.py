"""HH-RLHF: preferences from the scored CSV of ``HH_RLHF_make_aligner_data.py``.

Columns: ``prompt``, ``chosen_response``, ``rejected_response``, and ``chosen_score1`` to
``rejected_score3`` for harmless, helpful and humor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from langchain_metaaligner.data.preferences import Preference, Sign, sign
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Kind, Problems

OBJECTIVES = ("harmless", "helpful", "humor")
SCORES = tuple(f"{side}_score{k}" for k in (1, 2, 3) for side in ("chosen", "rejected"))
COLUMNS = ("prompt", "chosen_response", "rejected_response", *SCORES)


def read_hh_rlhf(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read the scored CSV row by row.

    A row with an empty prompt or answer is left out; an objective without two numbers is left out
    of its row. Both are problems, and so is a prompt that stood before.

    Raises:
        DataError: if a column is missing.
    """
    problems.begin()
    for line, row in csv_rows(path, COLUMNS, problems):
        if not row["prompt"].strip():
            problems.found("missing field", path.name, line, "column prompt is empty")
            continue
        empty = [name for name in COLUMNS[1:3] if not row[name].strip()]
        if empty:
            problems.found("empty answer", path.name, line, f"column {empty[0]}")
            continue
        if problems.repeats(row["prompt"], path.name, line):
            continue
        signs = _signs(row, path.name, line, problems)
        yield Preference(row["prompt"], row["chosen_response"], row["rejected_response"], signs)


def _signs(row: dict[str, str], source: str, line: int, problems: Problems) -> dict[str, Sign]:
    signs: dict[str, Sign] = {}
    for k, objective in enumerate(OBJECTIVES, 1):
        pair = []
        for side in ("chosen", "rejected"):
            text = row[f"{side}_score{k}"].strip()
            number = parse_number(text)
            if number is None:
                kind: Kind = "bad rating" if text else "missing rating"
                problems.found(kind, source, line, f"column {side}_score{k}: {text!r}")
            else:
                pair.append(number)
        if len(pair) == 2:
            signs[objective] = sign(*pair)
    return signs


def parse_number(value: object) -> float | None:
    """The finite number that a cell or a JSON value holds, or None.

    >>> parse_number("3.5"), parse_number(4), parse_number("N/A"), parse_number("inf")
    (3.5, 4.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
