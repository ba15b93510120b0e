"""HH-RLHF: preferences from the scored CSV (section 5.1 of the research's builder).

Columns: ``prompt``, ``chosen_response``, ``rejected_response``, and ``chosen_score1`` to
``rejected_score3`` for harmless, helpful and humor.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from langchain_metaaligner.data.lines import open_text
from langchain_metaaligner.data.preferences import Preference, Sign, sign
from langchain_metaaligner.data.problems import Kind, Problems
from langchain_metaaligner.errors import DataError

OBJECTIVES = ("harmless", "helpful", "humor")
SCORES = tuple(f"{side}_score{k}" for k in (1, 2, 3) for side in ("chosen", "rejected"))
COLUMNS = ("prompt", "chosen_response", "rejected_response", *SCORES)

csv.field_size_limit(1 << 30)


def read_hh_rlhf(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read the scored CSV row by row.

    A row with an empty answer is left out; an objective without two numbers is left out of its
    row. Both are problems, and so is a prompt that stood before (whose row is used).

    Raises:
        DataError: if a column is missing.
    """
    seen: set[int] = set()
    with open_text(path) as file:
        rows = csv.DictReader(file)
        absent = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if absent:
            raise DataError(
                f"{path.name} lacks the columns {', '.join(absent)}. "
                f"A scored HH-RLHF file has: {', '.join(COLUMNS)}."
            )
        for row in rows:
            line = rows.line_num
            if None in row.values():
                problems.found("broken line", path.name, line, "too few fields")
                continue
            empty = [name for name in COLUMNS[1:3] if not row[name].strip()]
            if empty:
                problems.found("empty answer", path.name, line, f"column {empty[0]}")
                continue
            if hash(row["prompt"]) in seen:
                problems.found("duplicate query", path.name, line, row["prompt"][-60:].strip())
            seen.add(hash(row["prompt"]))
            signs = _signs(row, path.name, line, problems)
            yield Preference(row["prompt"], row["chosen_response"], row["rejected_response"], signs)


def _signs(row: dict[str, str], source: str, line: int, problems: Problems) -> dict[str, Sign]:
    signs: dict[str, Sign] = {}
    for k, objective in enumerate(OBJECTIVES, 1):
        pair = []
        for side in ("chosen", "rejected"):
            text = row[f"{side}_score{k}"].strip()
            number = _number(text)
            if number is None:
                kind: Kind = "bad rating" if text else "missing rating"
                problems.found(kind, source, line, f"column {side}_score{k}: {text!r}")
            else:
                pair.append(number)
        if len(pair) == 2:
            signs[objective] = sign(*pair)
    return signs


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
