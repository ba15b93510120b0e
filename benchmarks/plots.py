"""Draws the docs' plots from the figures that lie beside them: ``python benchmarks/plots.py``.

Each plot has one baseline an axis, which the axis names, an axis that begins at 0, and all that was
measured. They are narrow, so that letters are legible on a phone, and come for light and for dark
pages (``-dark``); their ground is the page's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from langchain_metaaligner.evaluation.intervals import wilson

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 4.6  # inches
COLOURS = ("#3b7ac2", "#c8702a", "#8a63b8", "#2f8f6b")
INKS = {"": "#1d2327", "-dark": "#d9dee3"}
FLOOR = "prefill alone (floor)"


@contextmanager
def _look(ink: str) -> Iterator[None]:
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: dict[str, Any] = {
        **dict.fromkeys(names, ink),
        "font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left",
        "axes.spines.top": False, "axes.spines.right": False,
        "svg.fonttype": "none", "svg.hashsalt": "metaaligner", "figure.facecolor": "none",
        "axes.facecolor": "none", "savefig.facecolor": "none", "font.family": "sans-serif",
    }  # fmt: skip
    with mpl.rc_context(style):
        yield


def speed_plot(results: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """How many times as fast, by system and by how much of the draft an edit keeps.

    Args:
        results: by dtype the rows of the benchmark: ``system``, ``overlap``, ``ratio``, ``ratios``.
        folder: for ``speed.svg`` and ``speed-dark.svg``.
    """
    for variant, ink in INKS.items():
        with _look(ink):
            _draw_speed(results).savefig(folder / f"speed{variant}.svg", metadata={"Date": None})


def _draw_speed(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    panels = []
    for dtype, rows in results.items():
        singles = [row for row in rows if row["latency"] is not None]
        batches = [row for row in rows if row not in singles and row["system"] != FLOOR]
        floor = [row["ratio"] for row in rows if row["system"] == FLOOR]
        title = f"{dtype}: many drafts at once\n1 = research script, floor = {min(floor):.0f}"
        panels.append((title, batches))
        panels.append((f"{dtype}: one call after the other\n1 = transformers' generate", singles))
    heights = [len({row["system"] for row in rows}) + 1.6 for _, rows in panels]
    figure = Figure(figsize=(WIDTH, 0.36 * sum(heights) + 0.7), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, sharex=True)
    overlaps = list(dict.fromkeys(row["overlap"] for _, rows in panels for row in rows))
    for panel, (title, rows) in zip(axes, panels, strict=True):
        _draw_ratios(panel, rows, overlaps)
        panel.set_title(title)
    axes[0].set_xlim(0, None)
    axes[-1].set_xlabel("times as fast, with the range")
    figure.legend(
        handles=[_dot(COLOURS[at], overlap) for at, overlap in enumerate(overlaps)],
        loc="outside upper left", ncols=2, frameon=False, fontsize=8.5, handletextpad=0.1,
    )  # fmt: skip
    return figure


def _draw_ratios(panel: Axes, rows: Sequence[Mapping[str, Any]], overlaps: Sequence[str]) -> None:
    systems = list(dict.fromkeys(row["system"] for row in rows))
    for row in rows:
        at = overlaps.index(row["overlap"])
        y = systems.index(row["system"]) + 0.2 * (at - (len(overlaps) - 1) / 2)
        panel.plot([min(row["ratios"]), max(row["ratios"])], [y, y], color=COLOURS[at], lw=1.4)
        panel.plot([row["ratio"]], [y], "o", color=COLOURS[at], ms=4.5)
    panel.axvline(1, color="#8b939c", lw=0.9, ls="--")
    panel.set_yticks(range(len(systems)), systems)
    panel.set_ylim(len(systems) - 0.5, -0.5)
    panel.tick_params(labelbottom=True)


def quality_plot(figures: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """What the bundled aligner mends and keeps, on every set of drafts, beside a phrase filter.

    Args:
        figures: of the benchmark: ``drafts``, ``measure``, ``label``, ``system``, ``right``, ``n``.
        folder: for ``quality.svg`` and ``quality-dark.svg``.
    """
    for variant, ink in INKS.items():
        with _look(ink):
            figure = _draw_quality(figures)
            figure.savefig(folder / f"quality{variant}.svg", metadata={"Date": None})


def _draw_quality(figures: Sequence[Mapping[str, Any]]) -> Figure:
    measures = list(dict.fromkeys(its["measure"] for its in figures))
    named = dict.fromkeys((its["measure"], its["label"]) for its in figures)
    rows = sorted(named, key=lambda row: measures.index(row[0]))
    sets = list(dict.fromkeys(its["drafts"] for its in figures))
    figure = Figure(figsize=(WIDTH, 0.4 * len(rows) + 1.1), layout="constrained")
    axes = figure.subplots()
    for its in figures:
        if its["system"] == "the draft":  # right where nothing is to be done, wrong elsewhere
            continue
        at = sets.index(its["drafts"])
        y = rows.index((its["measure"], its["label"])) + 0.25 * (at - 1)
        share, (low, high) = its["right"] / its["n"], wilson(its["right"], its["n"]) or (0, 1)
        if its["system"] == "aligner":
            axes.plot([100 * low, 100 * high], [y, y], color=COLOURS[at], lw=1.4)
            axes.plot([100 * share], [y], "o", color=COLOURS[at], ms=4.5)
        else:
            axes.plot([100 * share], [y], "|", color=COLOURS[at], ms=7, mew=1.6)
    for place in range(1, len(rows)):
        if rows[place][0] != rows[place - 1][0]:
            axes.axhline(place - 0.5, color="#8b939c", lw=0.6)
    axes.set_yticks(range(len(rows)), [f"{measure}: {label}" for measure, label in rows])
    axes.tick_params(axis="y", labelsize=7.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("% of the drafts, with the 95 % interval")
    handles = [_dot(COLOURS[at], name) for at, name in enumerate(sets)]
    handles.append(Line2D([], [], color="#8b939c", marker="|", ls="", ms=7, label="phrase filter"))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8,
        handletextpad=0.1,
    )  # fmt: skip
    return figure


def _dot(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", ms=4.5, ls="", label=label)


def main() -> None:
    """Draw what the docs show, out of the figures that are there."""
    speed = json.loads((DOCS / "speed" / "speed.json").read_text(encoding="utf-8"))
    speed_plot({dtype: told["rows"] for dtype, told in speed.items()}, DOCS / "speed")
    quality = json.loads((DOCS / "quality" / "figures.json").read_text(encoding="utf-8"))
    quality_plot(quality, DOCS / "quality")


if __name__ == "__main__":
    main()
