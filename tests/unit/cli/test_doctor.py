"""What ``metaaligner doctor`` finds."""

import json

import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app, doctor


def run(*words):
    return CliRunner().invoke(app, ["doctor", *words])


def test_it_names_what_is_installed_and_where_models_run():
    done = run("--no-edit", "--json")
    assert done.exit_code == 0, done.output
    findings = json.loads(done.stdout)
    assert set(findings) == {"versions", "device", "extras", "cache"}
    assert findings["versions"]["torch"][0].isdigit()
    assert findings["device"]["device"] in ("cpu", "mps", "cuda")
    assert {"agents", "train", "files", "eval", "server"} <= set(findings["extras"])
    assert not {"test", "lint", "dev"} & set(findings["extras"])
    assert "mini" in findings["cache"]["bundled"]


def test_a_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    done = run("--no-edit")
    assert "hf_secret" not in done.output
    assert "set" in json.loads(run("--no-edit", "--json").stdout)["cache"]["token"]


def test_an_extra_that_is_not_there_comes_with_the_line_that_brings_it(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "not installed")
    lacking = doctor.extras()["agents"]
    assert lacking.startswith("lacks langchain, langgraph: pip install")
    assert "'langchain-metaaligner[agents]'" in lacking


@pytest.mark.slow
def test_it_times_an_edit():
    done = run("--json", "--device", "cpu", "--model", "mini")
    assert done.exit_code == 0, done.output
    edit = json.loads(done.stdout)["edit"]
    assert edit["decision"] == "edited"
    assert "You fool" not in edit["answer"]
    assert edit["warm edit"].endswith("tokens/s")


def test_an_edit_that_fails_is_told_with_status_1(tmp_path):
    done = run("--model", str(tmp_path))
    assert done.exit_code == 1
    assert "holds no config.json" in "".join(done.output.split("\n")).replace("  ", "")
