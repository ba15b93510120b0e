"""How a metric agrees with people: its correlation with human ratings of the same texts.

Source: the human evaluation of MentaLLaMA (``human_evaluation/DR_annotation``), where three people
rate each explanation from 0 to 3 on four aspects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from scipy import stats

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.text import TextMetric
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import open_source

ASPECTS = ("fluency", "completeness", "reliability", "overall")
Reference = Literal["post", "best"]
"""What an explanation is compared with."""

_GENERATED = ("gpt-3.5-turbo", "curie-instruct-beta")


@dataclass(frozen=True)
class Annotated:
    """An explanation that people rated.

    Attributes:
        post: the post that is explained.
        label: its class.
        text: the explanation.
        ratings: the mean of the annotators' ratings, by aspect.
    """

    post: str
    label: str
    text: str
    ratings: Mapping[str, float]


def read_annotations(path: Path, problems: Problems) -> list[Annotated]:
    """Read one file of ``DR_annotation``. A row whose ratings cannot be read is a problem.

    Raises:
        DataError: if a column is missing.
    """
    source = open_source(path)
    explained = next((name for name in _GENERATED if name in source.columns), None)
    absent = [name for name in ("text", "label", *ASPECTS) if name not in source.columns]
    if absent or explained is None:
        wanted = ", ".join(absent) or f"of explanations ({' or '.join(_GENERATED)})"
        raise DataError(
            f"{path} lacks the columns {wanted}. It has: {', '.join(source.columns)}. Give a file "
            "of DR_annotation."
        )
    rated = []
    for number, row in enumerate(source.rows(problems), 1):
        try:
            ratings = {aspect: fmean(json.loads(row[aspect])) for aspect in ASPECTS}
        except (ValueError, TypeError) as error:
            problems.found("bad rating", path.name, number, str(error))
            continue
        rated.append(Annotated(row["text"], row["label"], row[explained], ratings))
    return rated


def agreement(
    rated: Sequence[Annotated], metric: TextMetric, reference: Reference = "post"
) -> dict[str, dict[str, float | None]]:
    """How a metric of explanations agrees with people, by aspect.

    Args:
        rated: the rated explanations of one model.
        metric: compares each with its reference.
        reference: "post", the text that is explained, as the research does; or "best", the
            explanation of the same post that people rated best, which itself does not count then.

    Returns:
        For each aspect `correlations`, None where one cannot be told, and ``n``, their rows.
    """
    references = {row.post: row.post for row in rated}
    if reference == "best":
        by_rating = sorted(rated, key=lambda row: row.ratings["overall"])
        references = {row.post: row.text for row in by_rating}
        rated = [row for row in rated if references[row.post] != row.text]
    scores = (
        metric([references[row.post] for row in rated], [row.text for row in rated])
        if rated
        else []
    )
    n = sum(not math.isnan(score) for score in scores)
    return {
        aspect: {
            **_known(correlations(scores, [row.ratings[aspect] for row in rated])),
            "n": n,
        }
        for aspect in ASPECTS
    }


def _known(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def correlations(scores: Sequence[float], ratings: Sequence[float]) -> dict[str, float]:
    """Pearson's, Spearman's and Kendall's coefficients; nan where one side does not vary.

    Args:
        scores: a metric, row by row; rows that are nan do not count.
        ratings: what people gave the same rows.

    >>> correlations([1.0, 2.0, 3.0], [0.0, 1.0, 3.0])["spearman"]
    1.0
    """
    pairs = [
        (score, rating)
        for score, rating in zip(scores, ratings, strict=True)
        if not math.isnan(score)
    ]
    names = ("pearson", "spearman", "kendall")
    if len({score for score, _ in pairs}) < 2 or len({rating for _, rating in pairs}) < 2:
        return dict.fromkeys(names, math.nan)
    left, right = zip(*pairs, strict=True)
    coefficients = (
        stats.pearsonr(left, right),
        stats.spearmanr(left, right),
        stats.kendalltau(left, right),
    )
    return {name: float(its[0]) for name, its in zip(names, coefficients, strict=True)}
