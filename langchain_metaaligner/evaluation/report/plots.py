"""Plots of the report, as SVG text that is the same for the same figures."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from langchain_metaaligner.evaluation.intervals import Interval, net_win

BLUE, ORANGE, GREY, PALE = "#3b6fb6", "#c8702a", "#7f8790", "#d3d7db"


@dataclass(frozen=True)
class Outcomes:
    """Wins, ties and losses of one comparison, for `outcomes`.

    Attributes:
        label: what was compared.
        wins: how often the evaluated side was better.
        ties: how often neither was.
        losses: how often the other side was better.
    """

    label: str
    wins: int
    ties: int
    losses: int

    @property
    def net(self) -> tuple[float, Interval]:
        """Wins less losses as a share of all, and its interval; of none at all, nothing known."""
        return net_win(self.wins, self.ties, self.losses) or (0.0, (-1.0, 1.0))


def outcomes(rows: Sequence[Outcomes]) -> str:
    """Shares of wins, ties and losses as stacked bars; beside them the net win rate around 0."""
    figure = Figure(figsize=(7.2, 1.2 + 0.42 * len(rows)))
    bars, nets = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, row in enumerate(rows):
        n, left = max(1, row.wins + row.ties + row.losses), 0.0
        parts = ((row.wins, BLUE), (row.ties, PALE), (row.losses, ORANGE))
        for number, colour in parts:
            width = 100 * number / n
            bars.barh(place, width, left=left, color=colour, height=0.62)
            if width > 6:
                ink = "#1d2327" if colour == PALE else "#ffffff"
                middle = left + width / 2
                bars.text(middle, place, str(number), ha="center", va="center", color=ink, size=8)
            left += width
        net, interval = row.net
        colour = _sign_colour(*interval)
        nets.plot([100 * end for end in interval], [place] * 2, color=colour, linewidth=2.5)
        nets.plot([100 * net], [place], "o", color=colour, markersize=7)
    bars.set_yticks(range(len(rows)), [row.label for row in rows])
    bars.set_ylim(len(rows) - 0.5, -0.5)
    bars.set_xlim(0, 100)
    bars.set_xlabel("% of the pairs")
    names = ((BLUE, "wins"), (PALE, "ties"), (ORANGE, "losses"))
    bars.legend(
        handles=[Patch(color=colour, label=name) for colour, name in names],
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9,
    )  # fmt: skip
    nets.axvline(0, color=GREY, linewidth=1, linestyle="--")
    nets.set_xlim(-102, 102)
    nets.set_xlabel("wins less losses, %")
    return _svg(figure)


def changes(rows: Sequence[tuple[str, float, tuple[float, float] | None]], label: str) -> str:
    """Changes with their intervals, one a line, beside a line at none.

    Args:
        rows: (label, change, its interval).
        label: of the axis.
    """
    figure = Figure(figsize=(6.4, 1.0 + 0.42 * len(rows)))
    axes = figure.subplots()
    for place, (_, change, interval) in enumerate(rows):
        low, high = interval or (change, change)
        colour = _sign_colour(low, high) if interval else GREY
        axes.plot([low, high], [place, place], color=colour, linewidth=2.5)
        axes.plot([change], [place], "o", color=colour, markersize=7)
    axes.axvline(0, color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(label)
    return _svg(figure)


def _sign_colour(low: float, high: float) -> str:
    return BLUE if low > 0 else ORANGE if high < 0 else GREY


def histograms(ratings: Mapping[str, Mapping[str, Any]]) -> str:
    """Distributions of ratings, one panel an objective, drafts behind edits."""
    figure = Figure(figsize=(6.4, 0.5 + 1.5 * len(ratings)))
    panels = figure.subplots(len(ratings), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (objective, by) in zip(panels, ratings.items(), strict=True):
        for column, colour, offset, name in (
            ("origin_responses", ORANGE, -0.2, "draft"),
            ("aligned_responses", BLUE, 0.2, "edit"),
        ):
            if column in by:
                places = [score + offset for score in range(11)]
                panel.bar(places, by[column]["histogram"], 0.38, color=colour, label=name)
        panel.set_title(objective, loc="left", fontsize=10)
        panel.set_ylabel("answers")
    panels[-1].set_xticks(range(11))
    panels[-1].set_xlabel("rating")
    panels[0].legend(frameon=False, fontsize=9)
    return _svg(figure)


def steps(
    lines: Mapping[str, Sequence[float | None]], ticks: Sequence[str], starts: Mapping[str, int]
) -> str:
    """Net win rates step by step, a line for each name; a ring where it begins to be asked for.

    Args:
        lines: the net win rates of each name; None where there is none.
        ticks: names of the steps.
        starts: the step at which a name is added; names without one are dashed.
    """
    figure = Figure(figsize=(7.2, 4.4))
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=1, linestyle=":")
    for number, (name, nets) in enumerate(lines.items()):
        colour = f"C{number % 10}"
        values = [math.nan if net is None else 100 * net for net in nets]
        style = "-" if name in starts else "--"
        axes.plot(range(len(values)), values, style, marker=".", color=colour, label=name)
        if name in starts:
            at = starts[name]
            axes.plot([at], [values[at]], "o", color=colour, markersize=11, fillstyle="none")
    axes.set_xticks(range(len(ticks)), ticks, rotation=20, ha="right")
    axes.set_ylim(-102, 102)
    axes.set_ylabel("wins less losses, %")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _svg(figure)


def as_svg(figure: Figure) -> str:
    """A figure as SVG text for the page."""
    return _svg(figure, tight=False)


def _svg(figure: Figure, tight: bool = True) -> str:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    if tight:
        figure.tight_layout()
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "metaaligner", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()[out.getvalue().index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    # The page decides on size and on the colour of the text.
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r' height="[^"]*pt"', "", text))
    return text.replace("#000000", "currentColor").replace("fill: #ffffff", "fill: none")
