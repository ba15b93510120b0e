"""Plots: what they show is what the figures say."""

import re

from langchain_metaaligner.evaluation.report import plots

RATINGS = {"histogram": [0, 0, 1, 0, 0, 2, 0, 0, 0, 3, 0]}


def bars(svg, colour):
    """The heights of what is filled with a colour."""
    heights = []
    for path, style in re.findall(r'<path d="([^"]*)"[^>]*style="([^"]*)"', svg, re.S):
        if f"fill: {colour}" in style:
            ys = [float(y) for _, y in re.findall(r"[ML] (\S+) (\S+)", path)]
            heights.append(max(ys) - min(ys))
    return heights


def test_bars_of_ratings_are_as_high_as_their_counts():
    svg = plots.histograms({"fair": {"aligned_responses": RATINGS}})
    heights = [height for height in bars(svg, plots.BLUE)[:11] if height]
    assert [round(height / heights[0]) for height in heights] == [1, 2, 3]


def test_drafts_and_edits_have_colours_of_their_own():
    svg = plots.histograms({"fair": {"aligned_responses": RATINGS, "origin_responses": RATINGS}})
    assert len(bars(svg, plots.BLUE)) == len(bars(svg, plots.ORANGE))


def test_steps_may_lack_figures():
    svg = plots.steps({"length": [None, -0.5], "fair": [0.1, 0.2]}, ["trained", "+ length"], {})
    assert "<svg" in svg
    assert "wins less losses" in svg


def test_plots_are_the_same_each_time_and_take_the_colour_of_the_page():
    drawn = [plots.histograms({"fair": {"aligned_responses": RATINGS}}) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert "currentColor" in drawn[0]
    assert "#000000" not in drawn[0]
