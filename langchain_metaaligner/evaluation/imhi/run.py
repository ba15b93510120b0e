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
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

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
from langchain_metaaligner.evaluation.imhi.labels import (
    DEFAULTS,
    NOTICE,
    class_name,
    dataset_of,
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)
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
from langchain_metaaligner.tables.source import open_source
from langchain_metaaligner.tables.whole import whole_file

Classifiers = Callable[[str, Sequence[str]], list[str]]
"""Takes the name of a data set and outputs, and gives the label of each."""

OUTPUTS = ("aligned_responses", "generated_text", "origin_responses")


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
        outputs = _read(path, dataset, column, research_compat, escaped)
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
    problems = Problems()
    rated = {} if human is None else _annotations(human, problems)
    return write_result(
        output,
        "imhi",
        {
            "outputs": folder.name,
            "labels": "classifiers" if classifiers else "rules",
            "metrics": sorted({*of_rows, *of_corpus}),
            "human_reference": human_reference,
            "research_compat": research_compat,
        },
        {
            "datasets": figures,
            "correlations": {
                name: {
                    metric: agreement(explanations, score, human_reference)
                    for metric, score in of_rows.items()
                }
                for name, explanations in rated.items()
            },
            "unread_ratings": dict(problems.counts),
            "notice": NOTICE,
        },
        rows,
    )


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


def _read(
    path: Path, dataset: str, column: str | None, research_compat: bool, escaped: bool
) -> Outputs:
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
