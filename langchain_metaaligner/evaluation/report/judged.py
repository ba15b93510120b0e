"""The sections of a report on what a judge said: wins and ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_metaaligner.evaluation.report import plots
from langchain_metaaligner.evaluation.report.sections import (
    NAMES,
    Change,
    Finding,
    Outcomes,
    Section,
    Table,
    calls_told,
    change,
    counted,
    number,
    share,
    signed,
    verdict,
)
from langchain_metaaligner.evaluation.results import Result

EDITS = "aligned against original"


def judge_sections(result: Result) -> list[Section]:
    """Wins, ties and losses."""
    figures, settings = result.figures, result.settings
    orders = "in both orders" if settings.get("both_orders") else "in one order, drawn at random"
    section = Section(
        "Wins, ties and losses",
        [
            f"{settings['judge']} compared the answers to {counted(figures['rows'], 'question')}, "
            f"pair by pair and {orders}. A win counts only if every order agrees; a disagreement "
            "is a tie, and so is a pair of the same text. Net is wins less losses, of all pairs "
            "that could be judged, with its 95 % interval: above 0 the first answers of the "
            "comparison are better.",
        ],
        ("objective", "comparison", "wins", "ties", "losses", "net", "verdict"),
        details=Table(
            ("objective", "comparison", "net where texts differ", "same text", "invalid",
             "errors", "absent", "length-controlled wins", "characters, own / other")
        ),
    )  # fmt: skip
    for comparison, by in figures["comparisons"].items():
        for objective, tally in by.items():
            _add_tally(section, comparison, objective, tally)
    for objective, gain in figures["gains"].items():
        section.words.append(
            f"On {objective} the share of wins against the golden answers changed by "
            f"{signed(gain['gain'], gain['interval'])} with the edit: "
            f"{verdict(gain['interval']) or 'one question only'}, over "
            f"{counted(gain['rows'], 'question')}."
        )
    section.words.append(
        "A judge prefers long answers. The length-controlled share of wins is what equal lengths "
        "would have, a tie counting half; it can be computed only where there are wins and losses."
    )
    section.words.append(calls_told(figures["calls"]))
    return [section]


def _add_tally(section: Section, comparison: str, objective: str, tally: Mapping[str, Any]) -> None:
    name = NAMES.get(comparison, comparison)
    counts = [tally[kind] for kind in ("wins", "ties", "losses")]
    net = signed(tally["net"], tally["net_interval"])
    says = verdict(tally["net_interval"])
    section.rows.append([objective, name, *(f"{count:,}" for count in counts), net, says])
    section.details.rows.append([objective, name, *_detail_cells(tally)])
    if tally["net"] is None:
        return
    section.outcomes.append(Outcomes(f"{objective}: {name}", *counts))
    if comparison != EDITS:
        return
    section.findings.append(Finding(objective, "judge, edits against drafts", net, says))
    if tally["identical"]:
        different = (tally["wins"], max(0, tally["ties"] - tally["identical"]), tally["losses"])
        section.outcomes.append(Outcomes(f"{objective}: of the edited answers only", *different))


def _detail_cells(tally: Mapping[str, Any]) -> list[str]:
    unusable = [f"{tally[name]:,}" for name in ("identical", "invalid", "errors", "absent")]
    different = signed(tally["net_different"], tally["net_different_interval"])
    controlled = tally["length_controlled"]
    lengths = f"{tally['length'] or 0:.0f} / {tally['other_length'] or 0:.0f}"
    controlled_share = "needs wins and losses" if controlled is None else share(controlled)
    return [different, *unusable, controlled_share, lengths]


def rating_sections(result: Result) -> list[Section]:
    """Ratings from 0 to 10."""
    figures = result.figures
    section = Section(
        "Ratings",
        [
            f"{result.settings['judge']} rated each answer from 0 to 10, without seeing the other "
            "one. Intervals cover 95 %."
        ],
        ("objective", "answers", "mean", "quartiles", "scores", "invalid", "errors", "absent"),
    )
    for objective, by in figures["ratings"].items():
        for column, ratings in by.items():
            quartiles = ", ".join(f"{q:g}" for q in ratings["quartiles"] or ())
            counts = (f"{ratings[name]:,}" for name in ("n", "invalid", "errors", "absent"))
            mean = number(ratings["mean"])
            section.rows.append([objective, NAMES.get(column, column), mean, quartiles, *counts])
    for objective, its in figures["changes"].items():
        told = change(its["mean"], its["interval"])
        says = verdict(its["interval"])
        section.words.append(
            f"On {objective} the rating changed by {told} with the edit, over "
            f"{counted(its['rows'], 'answer')}{f': {says}' if says else ''}."
        )
        reach = max(1.0, *map(abs, (its["mean"], *(its["interval"] or ()))))
        section.changes.append(Change(objective, its["mean"], its["interval"], 1.1 * reach))
        section.findings.append(Finding(objective, "judge, rating of 0 to 10", told, says))
    section.words.append(calls_told(figures["calls"]))
    if figures["ratings"]:
        svg = plots.histograms(figures["ratings"])
        section.plots.append((svg, "How many drafts and edits got each rating."))
    return [section]
