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

from scipy import stats

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Problems

ASPECTS = ("fluency", "completeness", "reliability", "overall")
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
    rows = []
    for line, cells in csv_rows(path, ("text", "label", *ASPECTS), problems):
        column = next((name for name in _GENERATED if name in cells), None)
        if column is None:
            raise DataError(
                f"{path} has no column of explanations ({' or '.join(_GENERATED)}). "
                f"It has: {', '.join(cells)}."
            )
        try:
            ratings = {aspect: fmean(json.loads(cells[aspect])) for aspect in ASPECTS}
        except (ValueError, TypeError) as error:
            problems.found("bad rating", path.name, line, str(error))
            continue
        rows.append(Annotated(cells["text"], cells["label"], cells[column], ratings))
    return rows


def correlations(figures: Sequence[float], ratings: Sequence[float]) -> dict[str, float]:
    """Pearson's, Spearman's and Kendall's coefficients; nan where one side does not vary.

    Args:
        figures: a metric, row by row; rows that are nan do not count.
        ratings: what people gave the same rows.

    >>> correlations([1.0, 2.0, 3.0], [0.0, 1.0, 3.0])["spearman"]
    1.0
    """
    pairs = [
        (figure, rating)
        for figure, rating in zip(figures, ratings, strict=True)
        if not math.isnan(figure)
    ]
    names = ("pearson", "spearman", "kendall")
    if len({figure for figure, _ in pairs}) < 2 or len({rating for _, rating in pairs}) < 2:
        return dict.fromkeys(names, math.nan)
    left, right = zip(*pairs, strict=True)
    found = (
        stats.pearsonr(left, right),
        stats.spearmanr(left, right),
        stats.kendalltau(left, right),
    )
    return {name: float(one[0]) for name, one in zip(names, found, strict=True)}
