"""IMHI: preferences from expert ratings of several answers to one query.

The research had four policy models' answers to 1,200 queries rated from 0 to 3 on each objective
by experts (appendix C), and published no ratings. The format here is one JSON object a line::

    {"query": "Consider this post: …", "responses": [
        {"response": "Yes. Reasoning: …", "correct": [3, 2], "informative": 2, "professional": 1},
        …]}

where a list is the ratings of several experts, or a CSV file with the columns ``query``,
``response``, ``correct``, ``informative`` and ``professional``: one row for each rated answer, the
rows of one query together, and one more row with the same answer for each further expert. The mean
of the experts' ratings counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_metaaligner.data.hh_rlhf import parse_number
from langchain_metaaligner.data.preferences import Preference, sign
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.jsonl import json_lines
from langchain_metaaligner.tables.problems import Problems

OBJECTIVES = ("correct", "informative", "professional")
COLUMNS = ("query", "response", *OBJECTIVES)
GOLDEN = "gpt-3.5-turbo"
LOWEST, HIGHEST = 0, 3

Answers = list[tuple[int, object, Any]]
"""Line, what tells answers to a query apart, and the answer with its ratings."""


def read_imhi(path: Path, problems: Problems) -> Iterator[Preference]:
    """Read preferences: all pairs of the rated answers to a query.

    An empty answer is left out, and so is a rating that is missing, no number, or not from 0 to 3;
    an objective counts for a pair where both answers have a rating. A query that stood before is a
    problem too.

    Args:
        path: a ``.csv``, ``.jsonl`` or ``.jsonl.gz`` file.
        problems: takes note of what is wrong.

    Raises:
        DataError: if the file is neither, or a column is missing.
    """
    problems.begin()
    for line, query, answers in _queries(path, problems):
        if problems.repeats(query, path.name, line):
            continue
        rated: dict[object, tuple[str, dict[str, list[float]]]] = {}
        for place, key, entry in answers:
            text = entry.get("response") if isinstance(entry, dict) else None
            if not isinstance(text, str) or not text.strip():
                problems.found("empty answer", path.name, place, f"response: {text!r}")
                continue
            _, ratings = rated.setdefault(key, (text, {name: [] for name in OBJECTIVES}))
            for name in OBJECTIVES:
                ratings[name] += _ratings(entry.get(name), name, path.name, place, problems)
        means = [
            (text, {name: fmean(rated) for name, rated in ratings.items() if rated})
            for text, ratings in rated.values()
        ]
        for (first, ours), (second, theirs) in combinations(means, 2):
            both = [name for name in OBJECTIVES if name in ours and name in theirs]
            signs = {name: sign(ours[name], theirs[name]) for name in both}
            yield Preference(query, first, second, signs)


def _queries(path: Path, problems: Problems) -> Iterator[tuple[int, str, Answers]]:
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        for line, record in json_lines(path, problems):
            query, responses = record.get("query"), record.get("responses")
            if not isinstance(query, str) or not query.strip():
                problems.found("missing field", path.name, line, f"query: {query!r}")
            elif not isinstance(responses, list):
                problems.found("missing field", path.name, line, "responses")
            else:
                yield line, query, [(line, place, entry) for place, entry in enumerate(responses)]
    elif path.name.endswith((".csv", ".csv.gz")):
        rows = csv_rows(path, COLUMNS, problems)
        for query, group in groupby(rows, key=lambda numbered: numbered[1]["query"]):
            answers: Answers = [(line, row["response"], row) for line, row in group]
            if query.strip():
                yield answers[0][0], query, answers
            else:
                for line, _, _ in answers:
                    problems.found("missing field", path.name, line, "column query is empty")
    else:
        raise DataError(
            f"{path} is no file of ratings. Give a .jsonl file with a query a line, or a .csv file "
            f"with the columns {', '.join(COLUMNS)}."
        )


def _ratings(cell: object, name: str, source: str, line: int, problems: Problems) -> list[float]:
    ratings = cell if isinstance(cell, list) else [cell]
    usable = []
    if not ratings:
        problems.found("missing rating", source, line, name)
    for rating in ratings:
        number = parse_number(rating)
        if rating is None or rating == "":
            problems.found("missing rating", source, line, name)
        elif number is None or not LOWEST <= number <= HIGHEST:
            problems.found("bad rating", source, line, f"{name}: {rating!r}, not from 0 to 3")
        else:
            usable.append(number)
    return usable


def read_expert_queries(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    """Yield the queries and golden answers of a test file of the IMHI benchmark.

    Such are the files of ``test_instruction`` and ``test_instruction_expert``: columns ``query``
    and ``gpt-3.5-turbo``, no ratings.

    Raises:
        DataError: if a column is missing.
    """
    problems.begin()
    for line, row in csv_rows(path, ("query", GOLDEN), problems):
        if not row["query"].strip():
            problems.found("missing field", path.name, line, "column query is empty")
        elif not row[GOLDEN].strip():
            problems.found("empty answer", path.name, line, f"column {GOLDEN}")
        elif not problems.repeats(row["query"], path.name, line):
            yield row["query"], row[GOLDEN]
