"""Outputs on the IMHI test sets: which files there are, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.evaluation.answers import (
    GOLDENS,
    column_of,
    files_of,
    first_of,
    text_of,
    whole_rows,
)
from langchain_metaaligner.evaluation.imhi.labels import DEFAULTS, dataset_of
from langchain_metaaligner.tables.source import open_source

OUTPUTS = ("aligned_responses", "generated_text", "origin_responses")
"""The columns in which outputs may be, the first one that is there."""


@dataclass(frozen=True)
class Outputs:
    """What a model wrote for one test set.

    Attributes:
        dataset: its name.
        goldens: the golden answers.
        texts: the outputs; None where there is none.
    """

    dataset: str
    goldens: list[str]
    texts: list[str | None]

    @property
    def written(self) -> list[str]:
        """The outputs, an absent one being empty."""
        return [text or "" for text in self.texts]


def data_files(folder: Path, datasets: Sequence[str] = ()) -> dict[str, Path]:
    """The files of outputs by data set; the arguments are those of `evaluate_imhi`.

    Raises:
        DataError: if a data set is unknown, absent or there twice.
    """
    for name in datasets:
        if name not in DEFAULTS:
            raise DataError(
                f"The IMHI benchmark has no data set {name!r}.{nearest(name, DEFAULTS)} "
                f"It has: {', '.join(sorted(DEFAULTS))}."
            )
    files = files_of(folder)
    if not folder.is_dir() and len(datasets) == 1:
        return {datasets[0]: folder}
    there: dict[str, Path] = {}
    for path in files:
        known = dataset_of(path.name)
        if known in there:
            raise DataError(
                f"{folder} has two files of {known}: {there[known].name} and {path.name}. Keep one "
                "there, or give it alone."
            )
        if known is not None:
            there[known] = path
    absent = [name for name in datasets if name not in there]
    if absent or not there:
        raise DataError(
            f"{folder} has no {', '.join(absent) or 'IMHI'}.csv. It has: "
            f"{', '.join(there) or 'none of the data sets'}. Give files whose names begin with one "
            f"of {', '.join(sorted(DEFAULTS))}, or one file and its --dataset."
        )
    return {name: there[name] for name in datasets or there}


def read_outputs(
    path: Path, dataset: str, column: str | None, research_compat: bool, escaped: bool
) -> Outputs:
    """Read a file of outputs; the arguments are those of `evaluate_imhi`.

    Raises:
        DataError: if it cannot be read, or lacks a column.
    """
    if research_compat:
        frame = pandas.read_csv(path)  # as the script does: "None" and "NA" are no texts
        used = _column(path, column, list(frame.columns))
        texts = [text if isinstance(text, str) else None for text in frame[used]]
        return Outputs(dataset, [str(golden) for golden in frame["goldens"]], texts)
    source = open_source(path, escaped=escaped)
    ours = column_of(source, "aligned_responses")
    used = column or ours or _column(path, None, source.columns)
    golden = first_of(source, GOLDENS)
    if golden is None or used not in source.columns:
        raise _no_columns(path, used, source.columns)
    rows = list(whole_rows(source))
    goldens = [text_of(row[golden]) or "" for row in rows]
    return Outputs(dataset, goldens, [text_of(row[used]) for row in rows])


def _column(path: Path, column: str | None, columns: Sequence[str]) -> str:
    used = column or next((name for name in OUTPUTS if name in columns), "")
    if used not in columns or not set(GOLDENS) & set(columns):
        raise _no_columns(path, used, columns)
    return used


def _no_columns(path: Path, used: str, columns: Sequence[str]) -> DataError:
    return DataError(
        f"{path} has no columns goldens and {used or ' or '.join(OUTPUTS)}. It has: "
        f"{', '.join(columns)}. Name the outputs with --column."
    )
