"""UltraFeedback: preferences from its raw records."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from langchain_metaaligner.data.hh_rlhf import parse_number
from langchain_metaaligner.data.preferences import Preference, sign
from langchain_metaaligner.data.records import Record, Records, records_of
from langchain_metaaligner.tables.problems import Kind, Problems

#: The objective of each annotation, in the order of the research's builder.
ANNOTATIONS = {
    "instruction_following": "instruction_following",
    "honesty": "honest",
    "truthfulness": "truthful",
    "helpfulness": "helpful",
}
TEST_COLUMNS = ("query", "golden_response")


class RatedAnswer(NamedTuple):
    """One answer and its rating on each objective."""

    text: str
    ratings: dict[str, float]


def read_ultrafeedback(source: Records | Path | str, problems: Problems) -> Iterator[Preference]:
    """Read preferences: all pairs of the rated answers to a query; see `read_rated`."""
    for question, rated in read_rated(source, problems):
        for first, second in combinations(rated, 2):
            signs = {
                name: sign(first.ratings[name], second.ratings[name]) for name in first.ratings
            }
            yield Preference(question, first.text, second.text, signs)


def read_rated(
    source: Records | Path | str, problems: Problems
) -> Iterator[tuple[str, list[RatedAnswer]]]:
    """Read queries with their rated answers.

    An answer that is empty, or without a number for each of the four annotations, is left out and
    is a problem, and so is a query that stood before.

    Args:
        source: see `records_of`.
        problems: takes note of what is wrong.

    Raises:
        DataError: if there is nothing to read.
    """
    for (name, line, record), question in _queries(source, problems):
        answers = (_rated(entry, name, line, problems) for entry in record["completions"])
        yield question, [answer for answer in answers if answer is not None]


def _queries(source: Records | Path | str, problems: Problems) -> Iterator[tuple[Record, str]]:
    """Usable records with their questions."""
    problems.begin()
    for name, line, record in records_of(source).read(problems):
        question, completions = record.get("instruction"), record.get("completions")
        if not isinstance(question, str) or not question.strip():
            problems.found("missing field", name, line, f"instruction: {question!r}")
        elif not isinstance(completions, list):
            problems.found("missing field", name, line, "completions")
        elif not problems.repeats(question, name, line):
            yield (name, line, record), question


def _text(completion: Any, source: str, line: int, problems: Problems) -> str | None:
    text = completion.get("response") if isinstance(completion, dict) else None
    if isinstance(text, str) and text.strip():
        return text
    problems.found("empty answer", source, line, f"response: {text!r}")
    return None


def _rated(completion: Any, source: str, line: int, problems: Problems) -> RatedAnswer | None:
    text = _text(completion, source, line, problems)
    if text is None:
        return None
    ratings: dict[str, float] = {}
    for name, objective in ANNOTATIONS.items():
        rating = rating_of(completion, name)
        number = parse_number(rating)
        if number is None:
            kind: Kind = "missing rating" if rating in (None, "", "N/A") else "bad rating"
            problems.found(kind, source, line, f"{name}: {rating!r}")
            return None
        ratings[objective] = number
    return RatedAnswer(text, ratings)


def rating_of(completion: dict[str, Any], name: str) -> object:
    """The rating of an annotation as it stands in a raw record, or None."""
    annotations = completion.get("annotations")
    annotation = annotations.get(name) if isinstance(annotations, dict) else None
    return annotation.get("Rating") if isinstance(annotation, dict) else None


def read_golden(source: Records | Path | str, problems: Problems) -> Iterator[tuple[str, str]]:
    """Yield each query with the answer of the highest sum of ratings, the first of several.

    Ratings that are no numbers count nothing, as in the research's builder, and are problems.
    Queries without any answer are left out.
    """
    for (name, line, record), question in _queries(source, problems):
        best: tuple[float, str] | None = None
        for completion in record["completions"]:
            text = _text(completion, name, line, problems)
            if text is None:
                continue
            overall = 0.0
            for annotation in ANNOTATIONS:
                rating = rating_of(completion, annotation)
                number = parse_number(rating)
                if number is None:
                    problems.found("bad rating", name, line, f"{annotation}: {rating!r}")
                overall += number or 0
            if best is None or overall > best[0]:
                best = (overall, text)
        if best is None:
            problems.found("empty answer", name, line, "no answer to the query")
        else:
            yield question, best[1]
