"""UltraFeedback: preferences from raw records, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from langchain_metaaligner.data.lines import json_lines
from langchain_metaaligner.data.preferences import Preference, sign
from langchain_metaaligner.data.problems import Kind, Problems

#: The objective of each annotation, in the order of the research's builder.
ANNOTATIONS = {
    "instruction_following": "instruction_following",
    "honesty": "honest",
    "truthfulness": "truthful",
    "helpfulness": "helpful",
}


class Rated(NamedTuple):
    """One answer and its rating on each objective."""

    text: str
    ratings: dict[str, float]


def read_ultrafeedback(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read preferences: all pairs of the rated answers to a query.

    An answer that is empty, or without a number for each of the four annotations, is left out and
    is a problem; a query that stood before is one too, and is used.
    """
    seen: set[int] = set()
    for line, record in json_lines(path, problems):
        question, completions = record.get("instruction"), record.get("completions")
        if not isinstance(question, str) or not isinstance(completions, list):
            problems.found("missing field", path.name, line, "instruction or completions")
            continue
        if hash(question) in seen:
            problems.found("duplicate query", path.name, line, question[:60])
        seen.add(hash(question))
        rated = [
            answer
            for completion in completions
            if (answer := _rated(completion, path.name, line, problems)) is not None
        ]
        for first, second in combinations(rated, 2):
            signs = {
                name: sign(first.ratings[name], second.ratings[name]) for name in first.ratings
            }
            yield Preference(question, first.text, second.text, signs)


def _rated(completion: Any, source: str, line: int, problems: Problems) -> Rated | None:
    text = completion.get("response") if isinstance(completion, dict) else None
    if not isinstance(text, str) or not text.strip():
        problems.found("empty answer", source, line, f"response {text!r}")
        return None
    ratings: dict[str, float] = {}
    for name, objective in ANNOTATIONS.items():
        found = rating_of(completion, name)
        try:
            ratings[objective] = float(found)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            kind: Kind = "missing rating" if found in (None, "", "N/A") else "bad rating"
            problems.found(kind, source, line, f"{name}: {found!r}")
            return None
    return Rated(text, ratings)


def rating_of(completion: dict[str, Any], name: str) -> object:
    """The rating of an annotation as it stands in a raw record, or None."""
    annotation = (completion.get("annotations") or {}).get(name)
    return annotation.get("Rating") if isinstance(annotation, dict) else None


def read_golden(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    """Yield each query with the answer of the highest sum of ratings, the first of several.

    Ratings that are not whole numbers count nothing, as in the research's builder.
    """
    for line, record in json_lines(path, problems):
        best: tuple[int, str] | None = None
        for completion in record.get("completions") or ():
            text = completion.get("response")
            if not isinstance(text, str):
                problems.found("empty answer", path.name, line, f"response {text!r}")
                continue
            ratings = [str(rating_of(completion, name)) for name in ANNOTATIONS]
            overall = sum(int(rating) for rating in ratings if rating.isdigit())
            if best is None or overall > best[0]:
                best = (overall, text)
        if best is not None:
            yield record["instruction"], best[1]
