"""The paper's figures beside those of own runs."""

import importlib.util
import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app

SCRIPT = Path(__file__).parents[2] / "docs" / "paper_tables.py"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("paper_tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, figures):
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"figures": figures}))


def test_without_runs_the_paper_stands_alone(tables, tmp_path):
    text = tables.fill(tmp_path)
    assert "| MetaAligner-7B | Vicuna-7B | 19.5 | 18.83 | 27.33 |" in text
    assert "| LLaMA2-Chat-7B | MORLHF | 1892.3 | 62.83 |" in text
    assert "**" not in text


def test_own_runs_stand_beside_it(tables, tmp_path):
    gain = {"gains": {"helpful": {"gain": 0.125, "rows": 8}}}
    write(tmp_path / "hh-rlhf" / "Vicuna-7B" / "MetaAligner-7B", gain)
    for dataset, share, rows in (("DR", 0.5, 10), ("SAD", 0.2, 30)):
        told = {
            "gains": {name: {"gain": share, "rows": rows} for name in ("correct", tables.TOGETHER)}
        }
        write(tmp_path / "imhi" / "Vicuna-7B" / "MetaAligner-13B" / dataset, told)
    systems = {
        "sft": {"judged": {"harmless": {"win_rate": 0.7}}, "seconds": {"cuda": 7200.0}},
        "MetaAligner-7B": {"judged": {"harmless": {"win_rate": 0.8}}},
    }
    write(tmp_path / "hh-rlhf" / "LLaMA2-Chat-7B" / "comparison", {"systems": systems})
    text = tables.fill(tmp_path)
    assert "| 18.83 / **12.50** |" in text
    assert "| 24.44 / **27.50** |" in text  # IMHI correct, over the rows of both data sets
    assert "| 17.67 / **50.00** |" in text
    assert "| 28.07 / **27.50** |" in text
    assert "| SFT | 247.34 / 2.0 | 66.5 / **70.00** |" in text
    assert "| 77.5 / **80.00** |" in text


def test_every_command_is_one_that_the_package_has(tables):
    seen = set()
    for line in "\n".join(tables.commands()).splitlines():
        words = shlex.split(line)
        if not words or words[0] != "metaaligner":
            continue
        command = words[1:3] if words[1] == "evaluate" else words[1:2]
        options = {word for word in words if word.startswith("--")}
        if (*command, *sorted(options)) in seen:
            continue
        seen.add((*command, *sorted(options)))
        told = CliRunner().invoke(app, [*command, "--help"]).output
        assert options <= {word.strip(" ,/") for word in told.replace("/", " ").split()}, line
    assert len(seen) >= 6
