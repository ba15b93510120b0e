"""IMHI: preferences from expert ratings of several answers to one query.

The research rated four policy models' answers to 1,200 queries, from 0 to 3 on each objective, by
three experts (appendix C), and published no file. The format here is one JSON object a line::

    {"query": "Consider this post: …", "responses": [
        {"response": "Yes. …", "correct": [3, 2, 3], "informative": 2, "professional": 1},
        …]}

A list is the ratings of several experts, whose mean counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_metaaligner.data.lines import json_lines
from langchain_metaaligner.data.preferences import Preference, sign
from langchain_metaaligner.data.problems import Problems

OBJECTIVES = ("correct", "informative", "professional")
LOWEST, HIGHEST = 0, 3


def read_imhi(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read preferences: all pairs of the rated answers to a query.

    An empty answer is left out, and so is a rating that is missing, no number, or not from 0 to 3;
    an objective counts for a pair where both answers have a rating.
    """
    seen: set[int] = set()
    for line, record in json_lines(path, problems):
        query, responses = record.get("query"), record.get("responses")
        if not isinstance(query, str) or not isinstance(responses, list):
            problems.found("missing field", path.name, line, "query or responses")
            continue
        if hash(query) in seen:
            problems.found("duplicate query", path.name, line, query[:60])
        seen.add(hash(query))
        rated: list[tuple[str, dict[str, float]]] = []
        for entry in responses:
            text = entry.get("response") if isinstance(entry, dict) else None
            if not isinstance(text, str) or not text.strip():
                problems.found("empty answer", path.name, line, f"response {text!r}")
                continue
            rated.append((text, _ratings(entry, path.name, line, problems)))
        for (first, ours), (second, theirs) in combinations(rated, 2):
            both = [name for name in OBJECTIVES if name in ours and name in theirs]
            signs = {name: sign(ours[name], theirs[name]) for name in both}
            yield Preference(query, first, second, signs)


def _ratings(entry: dict[str, Any], source: str, line: int, problems: Problems) -> dict[str, float]:
    ratings = {}
    for name in OBJECTIVES:
        found = entry.get(name)
        values: list[Any] = found if isinstance(found, list) else [found]
        if found is None or not values:
            problems.found("missing rating", source, line, name)
        elif all(_is_rating(value) for value in values):
            ratings[name] = fmean(values)
        else:
            problems.found("bad rating", source, line, f"{name}: {found!r}")
    return ratings


def _is_rating(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and LOWEST <= value <= HIGHEST  # type: ignore[operator]
