"""The files that the research's judging scripts leave, made from a result of ``research_compat``.

Source: the win-rate scripts (``GPT4_predictions_TARGET_OBJECTIVE/NAME.csv`` and the line that they
print) and ``UltraFeedback_GPT4_rate.py`` (``GPT4_ratings_VARIANT/NAME.csv``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas

from langchain_metaaligner.evaluation.results import Result, file_name
from langchain_metaaligner.tables.whole import whole_file

TARGETS = {
    "aligned against golden": "aligned_output",
    "original against golden": "origin_output",
}
VARIANTS = {"aligned_responses": "allaspects", "origin_responses": "none"}


def write_predictions(result: Result, name: str) -> Iterator[str]:
    """Write a table for each target and objective of win rates; the lines that the script prints.

    Args:
        result: of kind "judge".
        name: what the files are called: the research takes the policy model's.
    """
    key = itemgetter("comparison", "objective")
    known = (row for row in result.rows() if row["comparison"] in TARGETS)
    for (comparison, objective), group in groupby(known, key):
        rows = [row for row in group if row["outcome"] != "absent"]
        table = [
            (row["query"], row["second"], row["first"], *row["replies"], *row["positions"])
            for row in rows
        ]
        columns = ["query", "golden", "output", "GPT4_prediction", "random_position_seeds"]
        target = TARGETS[comparison]
        folder = f"GPT4_predictions_{target}_{file_name(objective)}"
        _write(result, folder, name, table, columns)
        tally = result.figures["comparisons"][comparison][objective]
        yield (
            f"Model: {name}, Win: {tally['wins']}, Lose: {tally['losses']}, "
            f"tied: {tally['ties']}, ratio: {tally['research_ratio']}"
        )


def write_ratings(result: Result, name: str) -> None:
    """Write a table of raw replies, a column an objective, for the drafts and for the edits.

    Args:
        result: of kind "rating".
        name: what the files are called.
    """
    replies: dict[str, dict[str, dict[int, Any]]] = {}
    for row in result.rows():
        by_objective = replies.setdefault(row["column"], {})
        by_objective.setdefault(row["objective"], {})[row["row"]] = row["reply"]
    for column, variant in VARIANTS.items():
        if column in replies:
            frame = pandas.DataFrame(replies[column])
            _write(result, f"GPT4_ratings_{variant}", name, frame.to_numpy(), list(frame.columns))


def _write(result: Result, folder: str, name: str, rows: Any, columns: list[str]) -> None:
    path = result.folder / folder / f"{name}.csv"
    with whole_file(path) as unfinished:
        pandas.DataFrame(rows, columns=columns).to_csv(unfinished, index=False, escapechar="\\")
