"""The command line in a process of its own, over the bundled checkpoint."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import langchain_metaaligner
from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.models import spec
from langchain_metaaligner.objectives import KNOWN

DRAFTS = json.loads(
    (Path(langchain_metaaligner.__file__).parent / "cli" / "drafts.json").read_text()
)


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "langchain_metaaligner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_demo_edits_every_draft():
    done = run("demo", env={"PATH": "/usr/bin:/bin", "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("edited · ") == len(DRAFTS)
    assert "kept" not in done.stdout
    assert "chain = llm | MetaAlignerRunnable" in done.stdout


def test_demo_covers_several_objectives():
    assert len({name for draft in DRAFTS for name in draft["objectives"]}) >= 7


def test_demo_without_the_weights_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(spec.BUNDLED, "mini", tmp_path)
    result = CliRunner().invoke(app, ["demo"])
    assert isinstance(result.exception, CheckpointError)
    assert "'mini' is missing" in str(result.exception)
    assert "edited" not in result.output


def test_objectives():
    done = run("objectives", env={"PATH": "/usr/bin:/bin", "COLUMNS": "160"})
    assert done.returncode == 0, done.stderr
    for name in KNOWN:
        assert name in done.stdout


def test_align_prints_the_answer():
    draft = DRAFTS[0]
    wanted = [word for name in draft["objectives"] for word in ("--objective", name)]
    done = run("align", draft["question"], draft["answer"], *wanted)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stdout.strip() != draft["answer"]


def test_align_reads_stdin_and_prints_the_record():
    done = run("align", "Why?", "-", "-O", "harmless", "--json", input="Because it rained.")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["original"] == "Because it rained."
    assert record["objectives"] == ["harmless"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-O", "harmles"], "Did you mean 'harmless'?"),
        (["-O", "harmless", "--model", "./nowhere"], "'./nowhere' is not a folder"),
        (["-O", "harmless", "--template", "HHRLHF"], "Unknown template 'HHRLHF'"),
        (["-O", "harmless", "--preserve", "dates"], "preserve"),
        (["-O", "harmless", "--device", "gpu"], "device='gpu' is unknown"),
    ],
)
def test_mistakes_are_one_sentence(arguments, message):
    done = run("align", "Why?", "Because.", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_blank_question():
    done = run("align", " ", "Because.", "-O", "fair")
    assert done.returncode == 1
    assert "is not known: 'Because.'. It is blank" in done.stderr
