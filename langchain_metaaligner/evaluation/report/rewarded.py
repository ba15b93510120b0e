"""The section of a report on reward models."""

from __future__ import annotations

from langchain_metaaligner.evaluation.report.sections import (
    Change,
    Finding,
    Section,
    change,
    counted,
    number,
    share,
    verdict,
)
from langchain_metaaligner.evaluation.results import Result


def reward_sections(result: Result) -> list[Section]:
    """Rewards before and after."""
    figures = dict(result.figures["rewards"])
    if result.figures.get("weighted"):
        figures["weighted"] = result.figures["weighted"]
    section = Section(
        "Rewards",
        [
            f"Scores of {result.settings['scorer']}, higher being better. "
            f"{result.figures['absent']:,} of {counted(result.figures['rows'], 'row')} have no "
            "draft or no edit and do not count. Each model has a scale of its own: changes of "
            "different models are not to be compared."
        ],
        ("objective", "drafts", "edits", "golden", "change", "verdict", "improved", "worse",
         "rows"),
    )  # fmt: skip
    for objective, its in figures.items():
        means = (number(its[name]) for name in ("before", "after", "golden"))
        told, says = change(its["change"], its["interval"]), verdict(its["interval"])
        shares = (share(its["improved"]), share(its["worse"]))
        section.rows.append([objective, *means, told, says, *shares, f"{its['rows']:,}"])
        reach = max(map(abs, (its["change"], *(its["interval"] or ()))), default=0) or 1.0
        section.changes.append(Change(objective, its["change"], its["interval"], 1.1 * reach))
        section.findings.append(Finding(objective, "reward model", told, says))
    return [section]
