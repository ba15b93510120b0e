"""Queries with rated answers, which the baselines' training data are made of.

By default rows that cannot be used are counted and left out; the research's readers use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from langchain_metaaligner.data import compat, hh_rlhf
from langchain_metaaligner.data.records import Records
from langchain_metaaligner.data.ultrafeedback import read_rated
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Problems


@dataclass(frozen=True)
class RatedQuery:
    """A query with its answers, each with one score an objective.

    Attributes:
        query: as it stands in the prompts.
        answers: (text, scores); under ``research_compat`` a text may be no text and a score nan.
    """

    query: str
    answers: tuple[tuple[Any, tuple[float, ...]], ...]


def _hh_rlhf_as_research(records: Records, problems: Problems) -> Iterator[RatedQuery]:
    for row in compat.read_table(records.pieces[0].path).to_dict("records"):
        if isinstance(row["chosen_response"], float) or isinstance(row["rejected_response"], float):
            continue
        yield RatedQuery(
            row["prompt"], tuple(_answer(row, side) for side in ("chosen", "rejected"))
        )


def _answer(row: Mapping[str, Any], side: str) -> tuple[Any, tuple[float, ...]]:
    scores = tuple(float(f"{row[f'{side}_score{k}']:.2f}") for k in (1, 2, 3))
    return row[f"{side}_response"], scores


def _hh_rlhf(records: Records, problems: Problems) -> Iterator[RatedQuery]:
    problems.begin()
    path = records.pieces[0].path
    for line, row in csv_rows(path, hh_rlhf.COLUMNS, problems):
        empty = [name for name in hh_rlhf.COLUMNS[:3] if not row[name].strip()]
        if empty:
            problems.found("empty answer", path.name, line, f"column {empty[0]}")
            continue
        numbers = {name: hh_rlhf.parse_number(row[name]) for name in hh_rlhf.SCORES}
        missing = [name for name, number in numbers.items() if number is None]
        if missing:
            problems.found("bad rating", path.name, line, f"column {missing[0]}")
            continue
        if not problems.repeats(row["prompt"], path.name, line):
            rated = {**row, **numbers}
            answers = tuple(_answer(rated, side) for side in ("chosen", "rejected"))
            # -0.0, which the research prints, is no other reward than 0.0.
            yield RatedQuery(
                row["prompt"],
                tuple((text, tuple(score + 0.0 for score in scores)) for text, scores in answers),
            )


def _ultrafeedback_as_research(records: Records, problems: Problems) -> Iterator[RatedQuery]:
    for name, line, query, completions in compat.read_raw(records, problems):
        answers = []
        for completion in completions:
            ratings = compat.whole_ratings(completion, name, line, problems)
            if ratings is not None:
                answers.append((completion.get("response"), tuple(ratings)))
        yield RatedQuery(query, tuple(answers))


def _ultrafeedback(records: Records, problems: Problems) -> Iterator[RatedQuery]:
    for question, rated in read_rated(records, problems):
        answers = (
            (answer.text, tuple(map(_shortest, answer.ratings.values()))) for answer in rated
        )
        yield RatedQuery(question, tuple(answers))


def _shortest(rating: float) -> float:
    """A rating as prompts have it: ``3``, not ``3.0``."""
    return int(rating) if rating.is_integer() else rating


READERS: Mapping[tuple[str, bool], Callable[[Records, Problems], Iterator[RatedQuery]]] = (
    MappingProxyType(
        {
            ("HH-RLHF", False): _hh_rlhf,
            ("HH-RLHF", True): _hh_rlhf_as_research,
            ("UltraFeedback", False): _ultrafeedback,
            ("UltraFeedback", True): _ultrafeedback_as_research,
        }
    )
)
"""Reads a data set, by its name and whether as the research does."""
