"""The sections of a report on several systems, and on objectives added one by one."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import Any

from langchain_metaaligner.evaluation.compare.pareto import draw_front
from langchain_metaaligner.evaluation.compare.table import comparison_columns_by_system
from langchain_metaaligner.evaluation.report import plots
from langchain_metaaligner.evaluation.report.sections import Section, share
from langchain_metaaligner.evaluation.results import Result


def compare_sections(result: Result) -> list[Section]:
    """Systems side by side, with a plot for two objectives at a time."""
    head, rows = comparison_columns_by_system(result)
    section = Section(
        "Systems side by side",
        [
            f"{len(result.settings['systems'])} systems answered the same "
            f"{result.settings['rows']:,} questions. A system wins where its reward is strictly "
            "higher than that of the golden answer; shares are in percent, with their 95 % "
            "interval. An empty answer always loses. Training is the time of all devices.",
        ],
        head,
        list(rows),
    )
    for one, other in combinations(result.settings["objectives"], 2):
        shown = f"Mean rewards for {one} and {other}; the line joins systems that no other beats."
        section.plots.append((plots.as_svg(draw_front(result, one, other)), shown))
    return [section]


def unseen_sections(result: Result) -> list[Section]:
    """Win rates after each objective that was added."""
    figures, told = result.figures, result.settings
    trained, unseen = told["trained"], told["unseen"]
    everything = [*trained, *unseen]
    section = Section(
        "Unseen objectives",
        [
            f"{told['model']} aligned {figures['rows']:,} drafts for {', '.join(trained)}, and "
            f"then with {len(unseen)} more objectives, one by one. After each step {told['judge']} "
            f"compared the edits with the {figures['against']} answers on every objective; a cell "
            "is the share of strict wins. An asterisk marks objectives that the aligner was asked "
            "for in that step.",
            _change(figures["steps"], unseen),
        ],
        ("added", *everything),
    )
    if figures["before"]:
        rates = figures["before"]["win_rate"]
        section.rows.append(["(drafts)", *(share(rates[one]) for one in everything)])
    for step in figures["steps"]:
        cells = [
            share(step["win_rate"][one]) + (" *" if one in step["objectives"] else "")
            for one in everything
        ]
        section.rows.append([step["added"] or "(none)", *cells])
    lines = {one: [step["win_rate"][one] for step in figures["steps"]] for one in everything}
    ticks = ["none", *(f"+ {one}" for one in unseen)]
    section.plots.append(
        (
            plots.steps(lines, ticks, {one: unseen.index(one) + 1 for one in unseen}),
            "Win rates after each step; a ring marks the step that added the objective.",
        )
    )
    return [section]


def _change(steps: list[dict[str, Any]], unseen: list[str]) -> str:
    first, last = (
        [step["win_rate"][one] for one in unseen if step["win_rate"][one] is not None]
        for step in (steps[0], steps[-1])
    )
    if not first or not last:
        return "No pair could be judged."
    return (
        f"On the added objectives the mean win rate was {fmean(first):.0%} before any of them was "
        f"asked for, and {fmean(last):.0%} with all of them."
    )
