"""The sections of a report: what each kind of evaluation tells, on the page and in a terminal."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.evaluation.report import plots
from langchain_metaaligner.evaluation.results import Result

EXAMPLES = 4


@dataclass
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        words: what it says, in sentences.
        headings: of its table.
        rows: of its table.
        plots: (SVG, what it shows for those who cannot see it) pairs.
        examples: (heading, change as HTML) pairs.
    """

    title: str
    words: list[str] = field(default_factory=list)
    headings: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    plots: list[tuple[str, str]] = field(default_factory=list)
    examples: list[tuple[str, str]] = field(default_factory=list)


def share(value: float | None) -> str:
    """A share in percent; "none" where there is nothing that it is a share of."""
    return "none" if value is None else f"{value:.0%}"


def signed(value: float | None, interval: Sequence[float] | None) -> str:
    """A net share in percent, with its interval.

    >>> signed(0.3125, (0.2, 0.41)), signed(None, None)
    ('+31% (+20% to +41%)', 'none')
    """
    if value is None:
        return "none"
    between = "" if not interval else f" ({interval[0]:+.0%} to {interval[1]:+.0%})"
    return f"{value:+.0%}{between}"


def counted(number: int, unit: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "reply")
    ('1 row', '1,200 rows', '2 replies')
    """
    plural = f"{unit[:-1]}ies" if unit.endswith("ly") else f"{unit}s"
    return f"{number:,} {unit if number == 1 else plural}"


def verdict(interval: Sequence[float] | None) -> str:
    """What an interval around 0 says.

    >>> verdict((0.1, 0.3)), verdict((-0.1, 0.1)), verdict(None)
    ('better', 'no clear difference', '')
    """
    if not interval:
        return ""
    low, high = interval
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def number(value: float | None, sign: str = "", digits: int = 2) -> str:
    """A figure; "none" where there is none."""
    return "none" if value is None else f"{value:{sign}.{digits}f}"


def change(value: float, interval: Sequence[float] | None, digits: int = 2) -> str:
    """A change with its interval."""
    between = ""
    if interval:
        low, high = interval
        between = f" ({low:+.{digits}f} to {high:+.{digits}f})"
    return f"{value:+.{digits}f}{between}"


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
            "that could be judged: above 0 the first answers of the comparison are better. A judge "
            "prefers long answers: the length-controlled figure is the share of wins that equal "
            "lengths would have, a tie counting half; it needs wins and losses.",
        ],
        ("comparison", "objective", "wins", "ties", "losses", "net, 95 %", "verdict",
         "net where texts differ", "same text", "invalid", "errors", "absent",
         "length-controlled", "characters, own / other"),
    )  # fmt: skip
    drawn = []
    for comparison, by in figures["comparisons"].items():
        for objective, tally in by.items():
            section.rows.append([comparison, objective, *_tally_cells(tally)])
            if tally["net"] is not None:
                wins, ties, losses = (tally[name] for name in ("wins", "ties", "losses"))
                label = f"{objective}: {comparison}"
                drawn.append(plots.Outcomes(label, wins, ties, losses))
    for objective, gain in figures["gains"].items():
        section.words.append(
            f"On {objective} the share of wins against the golden answers changed by "
            f"{signed(gain['gain'], gain['interval'])} with the edit: "
            f"{verdict(gain['interval']) or 'one question only'}, over "
            f"{counted(gain['rows'], 'question')}."
        )
    section.words.append(calls_told(figures["calls"]))
    if drawn:
        shown = (
            "Wins, ties and losses of each comparison; beside them wins less losses with their "
            "interval. Right of the dashed line the first answers are better."
        )
        section.plots.append((plots.outcomes(drawn), shown))
    return [section]


def _tally_cells(tally: Mapping[str, Any]) -> list[str]:
    counts = [f"{tally[name]:,}" for name in ("wins", "ties", "losses")]
    unusable = [f"{tally[name]:,}" for name in ("identical", "invalid", "errors", "absent")]
    different = signed(tally["net_different"], tally["net_different_interval"])
    lengths = f"{tally['length'] or 0:.0f} / {tally['other_length'] or 0:.0f}"
    return [
        *counts,
        signed(tally["net"], tally["net_interval"]),
        verdict(tally["net_interval"]),
        different,
        *unusable,
        share(tally["length_controlled"]),
        lengths,
    ]


def calls_told(calls: Mapping[str, Any]) -> str:
    """What the judge was asked, in a sentence."""
    sentence = (
        f"{counted(calls['asked'], 'call')}, {calls['errors']:,} of them failed, "
        f"{calls['tokens_in']:,} tokens read and {calls['tokens_out']:,} written."
    )
    failures = "; ".join(f"{n:,} × {reason}" for reason, n in calls.get("failures", {}).items())
    return f"{sentence} Failures: {failures}." if failures else sentence


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
            section.rows.append([objective, column, number(ratings["mean"]), quartiles, *counts])
    for objective, its in figures["changes"].items():
        section.words.append(
            f"On {objective} the rating changed by {change(its['mean'], its['interval'])} with the "
            f"edit, over {counted(its['rows'], 'answer')}"
            + (f": {verdict(its['interval'])}." if its["interval"] else ".")
        )
    section.words.append(calls_told(figures["calls"]))
    if figures["ratings"]:
        svg = plots.histograms(figures["ratings"])
        section.plots.append((svg, "How many drafts and edits got each rating."))
    return [section]


def reward_sections(result: Result) -> list[Section]:
    """Rewards before and after, with the largest changes."""
    figures = dict(result.figures["rewards"])
    if result.figures.get("weighted"):
        figures["weighted"] = result.figures["weighted"]
    section = Section(
        "Rewards",
        [
            f"Scores of {result.settings['scorer']}, higher being better. "
            f"{result.figures['absent']:,} of {counted(result.figures['rows'], 'row')} have no "
            "draft or no edit and do not count."
        ],
        ("objective", "draft", "edit", "golden", "change", "improved", "worse", "rows"),
    )
    drawn = []
    for objective, its in figures.items():
        means = (number(its[name]) for name in ("before", "after", "golden"))
        changed = change(its["change"], its["interval"])
        shares = (share(its["improved"]), share(its["worse"]))
        section.rows.append([objective, *means, changed, *shares, f"{its['rows']:,}"])
        drawn.append((objective, its["change"], its["interval"]))
    if drawn:
        svg = plots.changes(drawn, "change of the score")
        section.plots.append(
            (svg, "Changes of the scores with intervals; the dashed line is none.")
        )
    section.examples = list(_extremes(result))
    return [section]


def _extremes(result: Result) -> Iterator[tuple[str, str]]:
    """The largest gains and losses, as changes of the text."""
    by_change = [
        (sum(row["after"].values()) - sum(row["before"].values()), row["row"], row)
        for row in result.rows()
        if row["before"] and row["after"]
    ]
    by_change.sort(key=lambda entry: entry[:2])
    half = EXAMPLES // 2
    if len(by_change) >= EXAMPLES:
        by_change = [*reversed(by_change[-half:]), *by_change[:half]]
    for gain, row_number, row in by_change:
        heading = f"Row {row_number + 1}: {gain:+.2f}. {row['query'][-160:]}"
        yield heading, text_diff(row["origin"], row["aligned"])


def text_diff(before: str, after: str) -> str:
    """The change word by word, as HTML for the page's own styles."""
    marks = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    record = Alignment(text=after, original=before, decision="edited")
    return "".join(marks[kind].format(html.escape(text)) for kind, text in record.changes())
