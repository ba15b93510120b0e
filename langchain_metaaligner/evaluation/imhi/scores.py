"""How well outputs on IMHI name the right class.

Source: ``--rule_calculate`` of ``src/IMHI.py`` and ``--calculate`` of ``src/label_inference.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.metrics import accuracy_score, f1_score

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.imhi.labels import (
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)


@dataclass(frozen=True)
class LabelMetrics:
    """Metrics of one data set, in percent.

    Attributes:
        dataset: its name.
        rows: rows that count.
        accuracy: share of right classes.
        weighted_f1: F1 over classes, weighted by their number of goldens.
        micro_f1: F1 over all rows.
        macro_f1: F1 over classes, unweighted.
        out_of_domain: outputs that name no class and got the default one; None where a classifier
            gave the labels.
        left_out: rows whose golden answer names no class.
    """

    dataset: str
    rows: int
    accuracy: float
    weighted_f1: float
    micro_f1: float
    macro_f1: float
    out_of_domain: int | None
    left_out: int = 0

    def line(self) -> str:
        """The line that the research's scripts print."""
        line = (
            f"Dataset: {self.dataset}, average acc:{self.accuracy}, weighted F1 "
            f"{self.weighted_f1}, micro F1 {self.micro_f1}, macro F1 {self.macro_f1}"
        )
        return line if self.out_of_domain is None else f"{line}, OOD count: {self.out_of_domain}"


def rule_metrics(
    dataset: str,
    goldens: Sequence[str],
    outputs: Sequence[str | None],
    research_compat: bool = False,
) -> LabelMetrics:
    """Metrics of outputs by the rule classifier.

    Args:
        dataset: name of the test set.
        goldens: golden answers.
        outputs: the outputs, row by row.
        research_compat: as the research does, where a golden answer without a class shifts the
            rows against each other and ends in an error. By default such a row is left out.

    Raises:
        DataError: if there is no such data set, or nothing to compare.
        ValueError: for rows that do not match, under ``research_compat``.
        AttributeError: for an output that is no text, under ``research_compat``.

    >>> rule_metrics("DR", ["Yes.", "No."], ["yes", "yes"]).line()
    'Dataset: DR, average acc:50.0, weighted F1 33.33, micro F1 50.0, macro F1 33.33, OOD count: 0'
    """
    wanted: list[int] = []
    predicted: list[int] = []
    unknown = left_out = 0
    for golden, output in zip(goldens, outputs, strict=True):
        label, strange = rule_label(dataset, output, research_compat)
        gold = golden_rule_label(dataset, golden, research_compat)
        unknown += strange
        left_out += gold is None
        if gold is not None:
            wanted.append(gold)
        if gold is not None or (research_compat and dataset != "swmh"):
            predicted.append(label)
    return _metrics(dataset, wanted, predicted, unknown, 0 if research_compat else left_out)


def classifier_metrics(
    dataset: str, goldens: Sequence[str], labels: Sequence[str], research_compat: bool = False
) -> LabelMetrics:
    """Metrics of the labels that a MentalBERT classifier gave to outputs.

    Args:
        dataset: name of the test set.
        goldens: golden answers.
        labels: the classifier's label for the output of each row.
        research_compat: as the research does, which drops a class of the completion sets; see
            `golden_label`.

    Raises:
        DataError: if there is no such data set, an unknown label, or nothing to compare.
    """
    pairs = [
        (golden_label(dataset, golden, research_compat), predicted_label(dataset, label))
        for golden, label in zip(goldens, labels, strict=True)
    ]
    known = [(gold, made) for gold, made in pairs if gold is not None]
    return _metrics(
        dataset,
        [gold for gold, _ in known],
        [made for _, made in known],
        None,
        len(pairs) - len(known),
    )


def _metrics(
    dataset: str,
    wanted: Sequence[int],
    made: Sequence[int],
    out_of_domain: int | None,
    left_out: int,
) -> LabelMetrics:
    if not wanted:
        raise DataError(
            f"No golden answer of {dataset} names a class: there is nothing to compare."
        )

    def percent(share: float) -> float:
        return round(float(share) * 100, 2)

    return LabelMetrics(
        dataset=dataset,
        rows=len(wanted),
        accuracy=percent(accuracy_score(wanted, made)),
        weighted_f1=percent(f1_score(wanted, made, average="weighted")),
        micro_f1=percent(f1_score(wanted, made, average="micro")),
        macro_f1=percent(f1_score(wanted, made, average="macro")),
        out_of_domain=out_of_domain,
        left_out=left_out,
    )
