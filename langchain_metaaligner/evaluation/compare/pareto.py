"""Which systems are not beaten on two objectives at once, as a list and as a plot."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from langchain_metaaligner.evaluation.intervals import Z
from langchain_metaaligner.evaluation.results import Result, file_name
from langchain_metaaligner.tables.whole import whole_file


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names of the points that no other one beats, from the left to the right.

    A point beats another if it is at least as high in both values and higher in one.

    >>> front({"a": (0.0, 1.0), "b": (1.0, 0.0), "c": (0.0, 0.0)})
    ['a', 'b']
    """

    def beaten(name: str) -> bool:
        x, y = points[name]
        return any(other[0] >= x and other[1] >= y and other != (x, y) for other in points.values())

    return sorted((name for name in points if not beaten(name)), key=lambda name: points[name])


def plot_fronts(result: Result) -> list[Path]:
    """Plot the mean rewards of a comparison, two objectives at a time, into its folder.

    Args:
        result: of `compare`.

    Returns:
        The files, ``pareto-OBJECTIVE-OBJECTIVE.svg``.
    """
    files = []
    for across, upward in combinations(result.settings["objectives"], 2):
        path = result.folder / f"pareto-{file_name(across)}-{file_name(upward)}.svg"
        with whole_file(path) as unfinished:
            figure = draw_front(result, across, upward)
            figure.savefig(unfinished, format="svg", metadata={"Date": None})
        files.append(path)
    return files


def draw_front(result: Result, across: str, upward: str) -> Figure:
    """Plot the mean rewards for two objectives.

    Each point is a system, with the 95 % interval of its means; a line joins those that no other
    beats on both, whose names are bold. The golden answers are a grey cross.
    """
    figures = result.figures["systems"]
    systems = {
        name: figures[name]
        for name in result.settings["systems"]
        if figures[name]["reward_mean"] is not None
    }
    figure = Figure(figsize=(4.8, 5.0), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    points = {name: (its["reward"][across], its["reward"][upward]) for name, its in systems.items()}
    best = front(points)
    axes.plot(*zip(*(points[name] for name in best), strict=True), color="0.75", zorder=1)
    drawn: list[Any] = []
    for number, (name, its) in enumerate(systems.items()):
        x, y = points[name]
        point = axes.errorbar(
            x, y,
            xerr=Z * its["standard_error"][across], yerr=Z * its["standard_error"][upward],
            fmt="o", color=f"C{number}", markersize=7, elinewidth=1, capsize=2,
        )  # fmt: skip
        drawn.append(point)
    golden = result.figures["golden"]["reward"]
    (cross,) = axes.plot(golden[across], golden[upward], "x", color="0.5", markersize=8, ls="")
    drawn.append(cross)
    # names beside close points would cover each other
    legend = figure.legend(
        drawn, [*systems, "golden"], loc="outside upper left", ncols=2, frameon=False
    )
    for text in legend.get_texts():
        text.set_fontweight("bold" if text.get_text() in best else "normal")
    axes.set_xlabel(f"mean reward: {across}")
    axes.set_ylabel(f"mean reward: {upward}")
    axes.margins(0.15)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
