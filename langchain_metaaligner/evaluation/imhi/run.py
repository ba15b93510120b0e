"""The IMHI benchmark over a folder of outputs.

``figures`` of its result: ``{"datasets": {NAME: {…LabelMetrics, "line": …, "empty": N,
"metrics": {METRIC: mean}}}, "correlations": {METRIC: {ASPECT: {"pearson": …}}}, "notice": …}``;
where a data set could not be measured, its entry is ``{"error": …}``. Rows: ``dataset, golden,
output, label, gold, out_of_domain`` and one field a metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.labels import (
    DEFAULTS,
    NOTICE,
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)
from langchain_metaaligner.evaluation.imhi.people import ASPECTS, correlations, read_annotations
from langchain_metaaligner.evaluation.imhi.scores import classifier_metrics, rule_metrics
from langchain_metaaligner.evaluation.imhi.text import TextMetric
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.tables.problems import Problems

Classifiers = Callable[[str, Sequence[str]], list[str]]
"""Takes the name of a data set and outputs, and gives the label of each."""

OUTPUTS = ("aligned_responses", "generated_text", "origin_responses")


def evaluate_imhi(
    folder: Path,
    output: Path,
    *,
    datasets: Sequence[str] = (),
    column: str | None = None,
    metrics: Mapping[str, TextMetric] | None = None,
    human: Path | None = None,
    classifiers: Classifiers | None = None,
    research_compat: bool = False,
) -> Result:
    """Measure the outputs of a policy model, or of an aligner, on the IMHI test sets.

    Args:
        folder: CSV files named after the data sets, with ``goldens`` and a column of outputs; or
            one such file.
        output: where the result goes.
        datasets: which of them; by itself all that are there.
        column: the column of outputs; by itself the first of `OUTPUTS` that is there.
        metrics: metrics of explanations by name.
        human: the folder ``DR_annotation``; each metric's correlation with the ratings is added,
            the golden text being that of the same post.
        classifiers: what reads the labels off the outputs, such as `LabelClassifiers`; None for
            rules.
        research_compat: as the research does; a data set on which its script fails has the error.

    Raises:
        DataError: if there are no such files or columns.
    """
    metrics = dict(metrics or {})
    figures: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for path in _files(folder, datasets):
        frame, used = _read(path, column)
        goldens = [str(one) for one in frame["goldens"]]
        outputs = [one if isinstance(one, str) else None for one in frame[used]]
        scores = {
            name: metric(goldens, [one or "" for one in outputs])
            for name, metric in metrics.items()
        }
        labels = classifiers and classifiers(path.stem, [one or "" for one in outputs])
        figures[path.stem] = _figures(path.stem, goldens, outputs, labels, scores, research_compat)
        rows += _rows(path.stem, goldens, outputs, labels, scores)
    agreement = {} if human is None else _agreement(human, metrics)
    settings = {
        "outputs": folder.name,
        "labels": "classifiers" if classifiers else "rules",
        "metrics": sorted(metrics),
        "research_compat": research_compat,
    }
    told = {"datasets": figures, "correlations": agreement, "notice": NOTICE}
    return write_result(output, "imhi", settings, told, rows)


def _files(folder: Path, datasets: Sequence[str]) -> list[Path]:
    if folder.is_file():
        return [folder]
    there = {path.stem: path for path in sorted(folder.glob("*.csv")) if path.stem in DEFAULTS}
    absent = [name for name in datasets if name not in there]
    if absent or not there:
        raise DataError(
            f"{folder} has no {', '.join(absent) or 'IMHI'}.csv. It has: "
            f"{', '.join(there) or 'none of the data sets'}. Give a folder with one CSV file "
            f"a data set, named as one of {', '.join(sorted(DEFAULTS))}."
        )
    return [there[name] for name in datasets or there]


def _read(path: Path, column: str | None) -> tuple[pandas.DataFrame, str]:
    frame = pandas.read_csv(path)
    used = column or next((name for name in OUTPUTS if name in frame.columns), "")
    if used not in frame.columns or "goldens" not in frame.columns:
        raise DataError(
            f"{path} has no columns goldens and {used or ' or '.join(OUTPUTS)}. It has: "
            f"{', '.join(frame.columns)}. Name the outputs with --column."
        )
    return frame, used


def _figures(
    dataset: str,
    goldens: Sequence[str],
    outputs: Sequence[str | None],
    labels: Sequence[str] | None,
    scores: Mapping[str, Sequence[float]],
    research_compat: bool,
) -> dict[str, Any]:
    try:
        metrics = (
            rule_metrics(dataset, goldens, outputs, research_compat)
            if labels is None
            else classifier_metrics(dataset, goldens, labels)
        )
    except (ValueError, AttributeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        **asdict(metrics),
        "line": metrics.line(),
        "empty": sum(not (one or "").strip() for one in outputs),
        "metrics": {name: _mean(values) for name, values in scores.items()},
    }


def _mean(values: Iterable[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None


def _rows(
    dataset: str,
    goldens: Sequence[str],
    outputs: Sequence[str | None],
    labels: Sequence[str] | None,
    scores: Mapping[str, Sequence[float]],
) -> Iterator[dict[str, Any]]:
    for at, (golden, output) in enumerate(zip(goldens, outputs, strict=True)):
        unknown: bool | None
        if labels is None:
            (label, unknown), gold = rule_label(dataset, output), golden_rule_label(dataset, golden)
        else:
            label, unknown = predicted_label(dataset, labels[at]), None
            gold = golden_label(dataset, golden)
        yield {
            "dataset": dataset,
            "golden": golden,
            "output": output,
            "label": label,
            "gold": gold,
            "out_of_domain": unknown,
            **{
                name: None if math.isnan(values[at]) else values[at]
                for name, values in scores.items()
            },
        }


def _agreement(folder: Path, metrics: Mapping[str, TextMetric]) -> dict[str, Any]:
    """Each metric's correlation with people's ratings: outputs rated against the best rated one."""
    problems = Problems()
    rated = [
        one for path in sorted(folder.glob("*.csv")) for one in read_annotations(path, problems)
    ]
    if not rated:
        raise DataError(f"{folder} holds no rated explanations. Give the folder DR_annotation.")
    best: dict[str, str] = {}
    for one in sorted(rated, key=lambda row: row.ratings["overall"]):
        best[one.post] = one.text
    others = [one for one in rated if best[one.post] != one.text]
    found = {}
    for name, metric in metrics.items():
        figures = metric([best[one.post] for one in others], [one.text for one in others])
        found[name] = {
            aspect: {
                kind: None if math.isnan(value) else value
                for kind, value in correlations(
                    figures, [one.ratings[aspect] for one in others]
                ).items()
            }
            for aspect in ASPECTS
        }
    return found
