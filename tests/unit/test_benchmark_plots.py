"""The docs' plots: one baseline an axis, and everything that was measured."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plots():
    spec = importlib.util.spec_from_file_location("plots", ROOT / "benchmarks" / "plots.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(system, overlap, ratio, latency=None):
    ratios = [ratio, 1.1 * ratio]
    return {"system": system, "overlap": overlap, "ratio": ratio, "ratios": ratios,
            "latency": latency}  # fmt: skip


ROWS = [
    row(system, overlap, ratio, latency)
    for overlap in ("natural", "low")
    for system, ratio, latency in [
        ("research script", 1.0, None), ("ours", 6.0, None), ("prefill alone (floor)", 22.0, None),
        ("one by one", 1.0, [0.1, 0.2]), ("ours, one by one", 5.0, [0.1, 0.2]),
    ]
]  # fmt: skip


def words(path):
    return re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8"))


def test_batches_and_single_calls_have_a_baseline_of_their_own(plots, tmp_path):
    plots.speed_plot({"float32": ROWS}, tmp_path)
    said = words(tmp_path / "speed.svg")
    assert "1 = research script, floor = 22" in said
    assert "1 = transformers' generate" in said.replace("&#x27;", "'")
    assert said.count("ours, one by one") == 1
    assert "prefill alone" not in said  # a floor is no system


def test_axes_begin_at_nothing(plots):
    figure = plots._draw_speed({"float32": ROWS})
    assert {axes.get_xlim()[0] for axes in figure.axes} == {0.0}
    assert {axes.get_xscale() for axes in figure.axes} == {"linear"}


def test_dark_pages_have_light_letters(plots, tmp_path):
    plots.speed_plot({"float32": ROWS}, tmp_path)
    light, dark = (tmp_path / f"speed{kind}.svg" for kind in ("", "-dark"))
    assert plots.INKS["-dark"] in dark.read_text()
    assert plots.INKS["-dark"] not in light.read_text()


def test_the_docs_show_every_set_that_was_measured():
    quality = json.loads((ROOT / "docs" / "quality" / "figures.json").read_text())
    said = words(ROOT / "docs" / "quality" / "quality.svg")
    for drafts in {its["drafts"] for its in quality}:
        assert drafts in said
    for label in {its["label"] for its in quality}:
        assert label in said


def test_the_docs_show_every_system_that_was_measured():
    speed = json.loads((ROOT / "docs" / "speed" / "speed.json").read_text())
    said = words(ROOT / "docs" / "speed" / "speed.svg")
    systems = {row["system"] for told in speed.values() for row in told["rows"]}
    assert {system for system in systems if system not in said} == {"prefill alone (floor)"}
