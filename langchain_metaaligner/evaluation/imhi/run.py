"""The IMHI benchmark over a folder of outputs.

``figures`` of its result: ``{"datasets": {NAME: {…LabelMetrics, "line": …, "empty": N,
"metrics": {METRIC: figure}, "without_score": {METRIC: N}}}, "correlations": {FILE: {METRIC:
{ASPECT: {"pearson": …, "spearman": …, "kendall": …, "n": N}}}}, "unread_ratings": {KIND: N},
"notice": …}``;
where a data set could not be measured, its entry is ``{"error": …}``. Rows: ``dataset, golden,
output, label, gold, label_name, gold_name, out_of_domain`` and one field a metric of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import files_of
from langchain_metaaligner.evaluation.imhi.labels import (
    NOTICE,
    class_name,
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)
from langchain_metaaligner.evaluation.imhi.outputs import Outputs, data_files, read_outputs
from langchain_metaaligner.evaluation.imhi.people import (
    Annotated,
    Reference,
    agreement,
    read_annotations,
)
from langchain_metaaligner.evaluation.imhi.scores import classifier_metrics, rule_metrics
from langchain_metaaligner.evaluation.imhi.text import CorpusMetric, TextMetric
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.whole import whole_file

Classifiers = Callable[[str, Sequence[str]], list[str]]
"""Takes the name of a data set and outputs, and gives the label of each."""


def evaluate_imhi(
    folder: Path,
    output: Path,
    *,
    datasets: Sequence[str] = (),
    column: str | None = None,
    metrics: Mapping[str, TextMetric] | None = None,
    corpus_metrics: Mapping[str, CorpusMetric] | None = None,
    human: Path | None = None,
    human_reference: Reference = "post",
    classifiers: Classifiers | None = None,
    research_compat: bool = False,
    escaped: bool = False,
) -> Result:
    """Measure the outputs of a policy model, or of an aligner, on the IMHI test sets.

    Args:
        folder: files whose names begin with those of the data sets (``DR.csv``,
            ``DR-aligned.csv``), with ``goldens`` and a column of outputs; or one such file.
        output: where the result goes.
        datasets: which of them; by itself all that are there. Of one file under another name, its.
        column: the column of outputs; by itself the first of `OUTPUTS` that is there.
        metrics: metrics of explanations by name; the mean of the rows is told.
        corpus_metrics: metrics of all rows together, by name.
        human: the folder ``DR_annotation``; each metric's correlation with the ratings is added,
            file by file.
        human_reference: what an explanation is compared with there; see `agreement`.
        classifiers: what reads the labels off the outputs, such as `LabelClassifiers`; None for
            rules. Their labels go into ``labels/NAME.csv``.
        research_compat: as the research does: cells are read by pandas, a data set on which its
            script fails has the error, and ``results.txt`` has the lines that it prints.
        escaped: whether CSV files are in the research's dialect.

    Raises:
        DataError: if there are no such files or columns.
    """
    of_rows, of_corpus = dict(metrics or {}), dict(corpus_metrics or {})
    figures: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for dataset, path in data_files(folder, datasets).items():
        outputs = read_outputs(path, dataset, column, research_compat, escaped)
        labels = classifiers and classifiers(dataset, outputs.written)
        scores = {
            name: metric(outputs.goldens, outputs.written) for name, metric in of_rows.items()
        }
        its = figures[dataset] = _label_figures(outputs, labels, research_compat)
        failed = "error" in its
        if not failed:
            its |= _metric_figures(outputs, scores, of_corpus)
        rows += _rows(outputs, labels, scores, research_compat and not failed)
        if labels is not None:
            _write_labels(output / "labels" / f"{dataset}.csv", outputs, labels, research_compat)
    if research_compat:
        _write_lines(output / "results.txt", figures)
    settings = {
        "outputs": folder.name,
        "labels": "classifiers" if classifiers else "rules",
        "metrics": sorted({*of_rows, *of_corpus}),
        "human_reference": human_reference,
        "research_compat": research_compat,
    }
    human_figures = _human_figures(human, of_rows, human_reference)
    every_figure = {"datasets": figures, **human_figures, "notice": NOTICE}
    return write_result(output, "imhi", settings, every_figure, rows)


def _human_figures(
    folder: Path | None, metrics: Mapping[str, TextMetric], reference: Reference
) -> dict[str, Any]:
    """How far the metrics agree with people, file by file; nothing where nobody rated."""
    problems = Problems()
    rated = {} if folder is None else _annotations(folder, problems)
    correlations = {
        name: {
            metric: agreement(explanations, score, reference) for metric, score in metrics.items()
        }
        for name, explanations in rated.items()
    }
    return {"correlations": correlations, "unread_ratings": dict(problems.counts)}


def _metric_figures(
    outputs: Outputs,
    scores: Mapping[str, Sequence[float]],
    corpus_metrics: Mapping[str, CorpusMetric],
) -> dict[str, Any]:
    of_corpus = {
        name: metric(outputs.goldens, outputs.written) for name, metric in corpus_metrics.items()
    }
    return {
        "metrics": {**of_corpus, **{name: _mean(values) for name, values in scores.items()}},
        "without_score": {name: sum(map(math.isnan, values)) for name, values in scores.items()},
    }


def _label_figures(
    outputs: Outputs, labels: Sequence[str] | None, research_compat: bool
) -> dict[str, Any]:
    dataset, goldens = outputs.dataset, outputs.goldens
    failures = (ValueError, AttributeError) if research_compat else DataError
    try:
        metrics = (
            rule_metrics(dataset, goldens, outputs.texts, research_compat)
            if labels is None
            else classifier_metrics(dataset, goldens, labels, research_compat)
        )
    except failures as error:  # with research_compat those of the research's script, in its words
        return {"error": f"{type(error).__name__}: {error}"}
    empty = sum(not text.strip() for text in outputs.written)
    return {**asdict(metrics), "line": metrics.line(), "empty": empty}


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None


def _rows(
    outputs: Outputs,
    labels: Sequence[str] | None,
    scores: Mapping[str, Sequence[float]],
    research_compat: bool,
) -> Iterator[dict[str, Any]]:
    dataset = outputs.dataset
    for at, (golden, text) in enumerate(zip(outputs.goldens, outputs.texts, strict=True)):
        unknown: bool | None = None
        if labels is None:
            label, unknown = rule_label(dataset, text, research_compat)
            gold = golden_rule_label(dataset, golden, research_compat)
        else:
            label = predicted_label(dataset, labels[at])
            gold = golden_label(dataset, golden, research_compat)
        yield {
            "dataset": dataset,
            "golden": golden,
            "output": text,
            "label": label,
            "gold": gold,
            "label_name": class_name(dataset, label),
            "gold_name": class_name(dataset, gold),
            "out_of_domain": unknown,
            **{
                name: None if math.isnan(values[at]) else values[at]
                for name, values in scores.items()
            },
        }


def _annotations(folder: Path, problems: Problems) -> dict[str, list[Annotated]]:
    """The rated explanations by the name of their file."""
    by_file = {path.stem: read_annotations(path, problems) for path in files_of(folder)}
    rated = {name: rows for name, rows in by_file.items() if rows}
    if not rated:
        raise DataError(f"{folder} holds no rated explanations. Give the folder DR_annotation.")
    return rated


def _write_labels(
    path: Path, outputs: Outputs, labels: Sequence[str], research_compat: bool
) -> None:
    """The file that the research's ``label_inference.py`` leaves."""
    columns = {"goldens": outputs.goldens, "generated_text": outputs.texts, "labels": labels}
    escape = {"escapechar": "\\"} if research_compat else {}
    with whole_file(path) as unfinished:
        pandas.DataFrame(columns).to_csv(unfinished, index=False, **escape)


def _write_lines(path: Path, figures: Mapping[str, Mapping[str, Any]]) -> None:
    lines = (its["line"] for its in figures.values() if "line" in its)
    with whole_file(path) as unfinished:
        unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
