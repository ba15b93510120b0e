"""The benchmarks of speed run, on small shapes, and say what they are to say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script, folder, *options):
    """A benchmark as the documentation calls it; its results."""
    results = folder / "results.json"
    command = [sys.executable, BENCHMARKS / script, *options, "--json", results]
    made = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert made.returncode == 0, made.stderr
    return json.loads(results.read_text()), made.stdout


@pytest.mark.slow
def test_all_of_the_gpu_script_runs_on_a_processor(tmp_path):
    table = tmp_path / "table.md"
    options = ("--device", "cpu", "--dtype", "float32", "--shapes", "tiny")
    small = ("--drafts", "4", "--rounds", "1", "--table", table)
    results, printed = run("gpu.py", tmp_path, *options, *small)
    exact = [row for row in results["identity"] if row["dtype"] == "float32"]
    assert len(exact) >= 4
    assert all(row["identical"] == row["edits"] == 4 for row in exact)
    for row in results["identity"]:
        assert row["worst"] <= 2 * row["worst_of_generate"] + 0.05
    tiny = results["shapes"]["tiny"]
    assert {row["system"] for row in tiny["rows"]} >= {"ours", "research script"}
    assert all(row["identical"] in ("4/4", "") for row in tiny["rows"] if "ours" in row["system"])
    assert tiny["profile"]
    assert table.read_text().strip() in printed


@pytest.mark.slow
def test_the_speed_of_all_systems_is_measured(tmp_path):
    options = ("--model", "mini", "--drafts", "3", "--rounds", "1", "--cold", "--callers", "1", "4")
    overlaps = ("--overlaps", "natural drafts", "low")
    results, printed = run("speed.py", tmp_path, *options, *overlaps, "--output", tmp_path / "page")
    (content,) = results.values()
    assert {row["overlap"] for row in content["rows"]} == {"natural drafts", "low"}
    for row in content["rows"]:
        if row["system"].startswith("ours"):
            right, edits = row["identical"].split("/")
            assert right == edits
    assert [row["callers"] for row in content["callers"]] == [1, 4]
    assert (tmp_path / "page" / "table.md").read_text().strip() in printed
    assert (tmp_path / "page" / "speed.svg").is_file()
