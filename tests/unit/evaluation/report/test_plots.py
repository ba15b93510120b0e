"""Plots: what they show is what the figures say."""

import re

import pytest

from langchain_metaaligner.evaluation.report import plots


def drawn(svg, colour):
    """The horizontal extents of what is filled with a colour."""
    found = []
    for path, style in re.findall(r'<path d="([^"]*)"[^>]*style="([^"]*)"', svg, re.S):
        if f"fill: {colour}" in style:
            xs = [float(x) for x, _ in re.findall(r"[ML] (\S+) (\S+)", path)]
            found.append(max(xs) - min(xs))
    return found


@pytest.mark.parametrize(("wins", "ties", "losses"), [(26, 53, 1), (1, 53, 26), (5, 0, 5)])
def test_bars_are_as_long_as_their_shares(wins, ties, losses):
    svg = plots.outcomes([plots.Outcomes("harmless", wins, ties, losses)])
    (won,), (lost,) = drawn(svg, plots.BLUE)[:1], drawn(svg, plots.ORANGE)[:1]
    assert won / lost == pytest.approx(wins / losses, rel=0.02)
    tied = drawn(svg, plots.PALE)
    assert (tied[0] if ties else 0) / lost == pytest.approx(ties / losses, rel=0.02)


@pytest.mark.parametrize(
    ("counts", "colour"),
    [((26, 53, 1), plots.BLUE), ((1, 53, 26), plots.ORANGE), ((40, 50, 36), plots.GREY)],
)
def test_the_net_has_the_colour_of_what_it_says(counts, colour):
    svg = plots.outcomes([plots.Outcomes("harmless", *counts)])
    lines = re.findall(r"fill: none; stroke: (#\w+); stroke-width: 2.5", svg)
    assert lines == [colour]


def test_no_line_stands_at_one_half():
    svg = plots.outcomes([plots.Outcomes("harmless", 1, 1, 1)])
    dashed = re.findall(r'<path d="M (\S+) \S+\s+L (\S+) \S+[^"]*"[^>]*stroke-dasharray', svg)
    assert len(dashed) == 1  # that of no difference


def test_nothing_judged_is_drawn_as_nothing_known():
    svg = plots.outcomes([plots.Outcomes("harmless", 0, 0, 0)])
    assert plots.GREY in svg


def test_changes_without_an_interval():
    svg = plots.changes([("a", 0.5, None), ("b", 0.5, (0.2, 0.8))], "change")
    strokes = re.findall(r"fill: none; stroke: (#\w+); stroke-width: 2.5", svg)
    assert strokes == [plots.GREY, plots.BLUE]


def test_steps_may_lack_figures():
    svg = plots.steps({"length": [None, -0.5], "fair": [0.1, 0.2]}, ["trained", "+ length"], {})
    assert "<svg" in svg
    assert "wins less losses" in svg


def test_plots_are_the_same_each_time():
    rows = [plots.Outcomes("a", 3, 2, 1)]
    assert plots.outcomes(rows) == plots.outcomes(rows)
