"""Plots of the report, as SVG text that is the same for the same figures."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#3b7ac2", "#c8702a", "#7f8790"
_WIDTH = 4.6  # inches: letters stay legible where the page is as narrow as a phone


def histograms(ratings: Mapping[str, Mapping[str, Any]]) -> str:
    """Distributions of ratings, one panel an objective, drafts behind edits."""
    figure = Figure(figsize=(_WIDTH, 0.6 + 1.3 * len(ratings)))
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
    figure = Figure(figsize=(_WIDTH, 4.6))
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
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
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
