"""UltraFeedback: preferences from raw records, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from langchain_metaaligner.data.hh_rlhf import parse_number
from langchain_metaaligner.data.preferences import Preference, sign
from langchain_metaaligner.tables.jsonl import json_lines
from langchain_metaaligner.tables.problems import Kind, Problems

#: The objective of each annotation, in the order of the research's builder.
ANNOTATIONS = {
    "instruction_following": "instruction_following",
    "honesty": "honest",
    "truthfulness": "truthful",
    "helpfulness": "helpful",
}
TEST_COLUMNS = ("query", "golden_response")


class Rated(NamedTuple):
    """One answer and its rating on each objective."""

    text: str
    ratings: dict[str, float]


def read_ultrafeedback(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read preferences: all pairs of the rated answers to a query.

    An answer that is empty, or without a number for each of the four annotations, is left out and
    is a problem, and so is a query that stood before.
    """
    for line, question, completions in _records(path, problems):
        if problems.repeats(question, path.name, line):
            continue
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


def _records(path: Path, problems: Problems) -> Iterator[tuple[int, str, list[Any]]]:
    problems.begin()
    for line, record in json_lines(path, problems):
        question, completions = record.get("instruction"), record.get("completions")
        if not isinstance(question, str) or not question.strip():
            problems.found("missing field", path.name, line, f"instruction: {question!r}")
        elif not isinstance(completions, list):
            problems.found("missing field", path.name, line, "completions")
        else:
            yield line, question, completions


def _text(completion: Any, source: str, line: int, problems: Problems) -> str | None:
    text = completion.get("response") if isinstance(completion, dict) else None
    if isinstance(text, str) and text.strip():
        return text
    problems.found("empty answer", source, line, f"response: {text!r}")
    return None


def _rated(completion: Any, source: str, line: int, problems: Problems) -> Rated | None:
    text = _text(completion, source, line, problems)
    if text is None:
        return None
    ratings: dict[str, float] = {}
    for name, objective in ANNOTATIONS.items():
        found = rating_of(completion, name)
        number = parse_number(found)
        if number is None:
            kind: Kind = "missing rating" if found in (None, "", "N/A") else "bad rating"
            problems.found(kind, source, line, f"{name}: {found!r}")
            return None
        ratings[objective] = number
    return Rated(text, ratings)


def rating_of(completion: dict[str, Any], name: str) -> object:
    """The rating of an annotation as it stands in a raw record, or None."""
    annotations = completion.get("annotations")
    annotation = annotations.get(name) if isinstance(annotations, dict) else None
    return annotation.get("Rating") if isinstance(annotation, dict) else None


def read_golden(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    """Yield each query with the answer of the highest sum of ratings, the first of several.

    Ratings that are no numbers count nothing, as in the research's builder, and are problems.
    Queries without any answer are left out.
    """
    for line, question, completions in _records(path, problems):
        if problems.repeats(question, path.name, line):
            continue
        best: tuple[float, str] | None = None
        for completion in completions:
            text = _text(completion, path.name, line, problems)
            if text is None:
                continue
            overall = 0.0
            for name in ANNOTATIONS:
                found = rating_of(completion, name)
                number = parse_number(found)
                if number is None:
                    problems.found("bad rating", path.name, line, f"{name}: {found!r}")
                overall += number or 0
            if best is None or overall > best[0]:
                best = (overall, text)
        if best is None:
            problems.found("empty answer", path.name, line, "no answer to the query")
        else:
            yield question, best[1]
