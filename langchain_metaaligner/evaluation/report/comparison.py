"""The sections of a report on several systems, and on objectives added one by one."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import Any

from langchain_metaaligner.evaluation.compare.pareto import draw_front
from langchain_metaaligner.evaluation.compare.table import comparison_columns_by_system
from langchain_metaaligner.evaluation.report import plots
from langchain_metaaligner.evaluation.report.sections import (
    Outcomes,
    Section,
    counted,
    share,
    signed,
)
from langchain_metaaligner.evaluation.results import Result


def compare_sections(result: Result) -> list[Section]:
    """Systems side by side, with a plot for two objectives at a time."""
    head, rows = comparison_columns_by_system(result)
    section = Section(
        "Systems side by side",
        [
            f"{len(result.settings['systems'])} systems answered the same "
            f"{counted(result.settings['rows'], 'question')}. A system wins where its reward is "
            "strictly higher than that of the golden answer; shares are in percent, with their "
            "95 % interval, and ties are no wins. An empty answer always loses. Training is the "
            "time of all devices.",
        ],
        head,
        list(rows),
    )
    for name in result.settings["systems"]:
        its = result.figures["systems"][name]
        for objective in result.settings["objectives"]:
            wins, ties, losses = (
                round(its[kind][objective] * its["rows"]) for kind in ("win", "tie", "lose")
            )
            section.outcomes.append(Outcomes(f"{name}: {objective}", wins, ties, losses))
    for first, second in combinations(result.settings["objectives"], 2):
        shown = (
            f"Mean rewards for {first} and {second}; the line joins systems that no other beats."
        )
        section.plots.append((plots.as_svg(draw_front(result, first, second)), shown))
    return [section]


def unseen_sections(result: Result) -> list[Section]:
    """Wins, losses and their difference after each objective that was added."""
    figures, settings = result.figures, result.settings
    trained, unseen = settings["trained"], settings["unseen"]
    everything = [*trained, *unseen]
    steps = figures["steps"]
    section = Section(
        "Unseen objectives",
        [
            f"{settings['model']} aligned {counted(figures['rows'], 'draft')} for "
            f"{', '.join(trained)}, and then with {len(unseen)} more objectives, one by one. After "
            f"each step {settings['judge']} compared the edits with the {figures['against']} "
            "answers on every objective; a cell has the shares of wins and of losses, and wins "
            "less losses with its 95 % interval. An asterisk marks objectives that the aligner was "
            "asked for in that step.",
            _mean_wins(steps, unseen),
        ],
        ("objective", *(["drafts"] if figures["before"] else []),
         *((step["added"] and f"+ {step['added']}") or "trained" for step in steps)),
    )  # fmt: skip
    for objective in everything:
        cells = [_cell(figures["before"], objective)] if figures["before"] else []
        for step in steps:
            asked = " *" if objective in step["objectives"] else ""
            cells.append(_cell(step, objective) + asked)
        section.rows.append([objective, *cells])
    lines = {name: [step["net"][name] for step in steps] for name in everything}
    ticks = ["trained", *(f"+ {name}" for name in unseen)]
    starts = {name: unseen.index(name) + 1 for name in unseen}
    section.plots.append(
        (
            plots.steps(lines, ticks, starts),
            "Wins less losses after each step; a ring marks the step that added the objective.",
        )
    )
    return [section]


def _cell(step: dict[str, Any], objective: str) -> str:
    wins, losses = step["win_rate"][objective], step["loss_rate"][objective]
    if wins is None:
        return "none"
    net = signed(step["net"][objective], step["net_interval"][objective])
    return f"{share(wins)} / {share(losses)}: {net}"


def _mean_wins(steps: list[dict[str, Any]], unseen: list[str]) -> str:
    first, last = (
        [step["win_rate"][name] for name in unseen if step["win_rate"][name] is not None]
        for step in (steps[0], steps[-1])
    )
    if not first or not last:
        return "No pair could be judged."
    return (
        f"On the added objectives the mean share of wins was {fmean(first):.0%} before any of them "
        f"was asked for, and {fmean(last):.0%} with all of them."
    )
