"""The sections of a report on the IMHI benchmark."""

from __future__ import annotations

from langchain_metaaligner.evaluation.report.sections import Section, counted, number
from langchain_metaaligner.evaluation.results import Result

_HEADS = {
    "bleu": "bleu (corpus)",
    "sentence-bleu": "sentence-bleu (mean)",
}
"""What stands over a metric that is no mean of the rows, or is easily taken for another."""


def imhi_sections(result: Result) -> list[Section]:
    """Labels and explanations on IMHI, and how metrics agree with people."""
    figures = result.figures
    measured = [its for its in figures["datasets"].values() if "error" not in its]
    metrics = list(dict.fromkeys(name for its in measured for name in its["metrics"]))
    section = Section(
        "IMHI",
        [
            figures["notice"],
            f"Labels are read from the outputs by {result.settings['labels']}. Outputs that name "
            "no class are out of the domain and get the default one. Rows whose golden answer "
            "names no class are left out.",
        ],
        ("data set", "rows", "left out", "accuracy", "weighted F1", "macro F1", "out of domain",
         "empty", *(_HEADS.get(name, name) for name in metrics)),
    )  # fmt: skip
    for name, its in figures["datasets"].items():
        if "error" in its:
            section.rows.append([name, its["error"], *[""] * (len(section.headings) - 2)])
            continue
        counts = (f"{its['rows']:,}", f"{its['left_out']:,}")
        shares = (f"{its[key]:.2f}" for key in ("accuracy", "weighted_f1", "macro_f1"))
        unknown = its["out_of_domain"]
        rest = ("" if unknown is None else f"{unknown:,}", f"{its['empty']:,}")
        means = (number(its["metrics"].get(metric), digits=3) for metric in metrics)
        section.rows.append([name, *counts, *shares, *rest, *means])
    return [section, *_agreement(result)]


def _agreement(result: Result) -> list[Section]:
    by_file = result.figures["correlations"]
    if not by_file:
        return []
    first_metrics = next(iter(by_file.values()))
    aspects = list(next(iter(first_metrics.values())))
    reference = {
        "post": "with the post that it explains, as the research does",
        "best": "with the explanation of the same post that people rated best, which itself is no "
        "row then",
    }[result.settings.get("human_reference", "post")]
    section = Section(
        "How the metrics agree with people",
        [
            "Correlation of each metric with the mean of three people's ratings: Pearson's r, then "
            f"Spearman's. An explanation is compared {reference}."
        ],
        ("file", "metric", "n", *aspects),
    )
    for file, by_metric in by_file.items():
        for metric, by in by_metric.items():
            cells = (f"{number(its['pearson'])} / {number(its['spearman'])}" for its in by.values())
            rated = max(its["n"] for its in by.values())
            section.rows.append([file, metric, f"{rated:,}", *cells])
    unread = sum(result.figures.get("unread_ratings", {}).values())
    if unread:
        section.words.append(f"{counted(unread, 'row')} could not be read and do not count.")
    return [section]
