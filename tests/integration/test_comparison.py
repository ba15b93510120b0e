"""The whole comparison in miniature: from records to the table, for a few steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_metaaligner.evaluation.results import read_result

RECIPE = Path(__file__).parents[2] / "recipes" / "comparison"
THINGS = ("bread", "tea", "a bicycle", "the garden", "a letter", "rice", "a window", "a coat")
ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")


def dialogue(n, answer):
    return f"\n\nHuman: How do I keep {THINGS[n % 8]}, number {n}?\n\nAssistant: {answer}"


def rated(text, rating):
    return {"response": text, "annotations": {name: {"Rating": rating} for name in ASPECTS}}


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    with (folder / "dialogues.jsonl").open("w") as file:
        for n in range(60):
            good, bad = f"Keep {THINGS[n % 8]} dry, please!", f"Who cares about {THINGS[n % 8]}."
            record = {"chosen": dialogue(n, good), "rejected": dialogue(n, bad)}
            file.write(json.dumps(record) + "\n")
    with (folder / "rated.jsonl").open("w") as file:
        for n in range(60):
            answers = [
                rated(f"Keep {THINGS[n % 8]} dry.", "5"),
                rated("I do not know.", f"{n % 3}"),
            ]
            record = {
                "instruction": f"How do I keep {THINGS[n % 8]} ({n})?",
                "completions": answers,
            }
            file.write(json.dumps(record) + "\n")
    return folder


def run(texts, output, dataset):
    told = subprocess.run(
        [sys.executable, str(RECIPE / "run.py"), "--texts", str(texts), "--output", str(output),
         "--dataset", dataset, "--steps", "2", "--tested", "5", "--tokens", "8"],
        capture_output=True, text=True, timeout=500,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    return told.stdout


@pytest.mark.parametrize(("dataset", "objectives"), [("hh-rlhf", 3), ("ultrafeedback", 4)])
def test_from_records_to_the_table(texts, tmp_path, dataset, objectives):
    output = tmp_path / "out"
    told = run(texts, output, dataset)
    assert told.count("$ metaaligner train") == 5
    result = read_result(output / dataset / "comparison")
    systems = result.figures["systems"]
    assert list(result.settings["systems"]) == ["policy", "sft", "cdpo", "morlhf", "aligner"]
    assert len(result.settings["objectives"]) == objectives
    assert all(one["rows"] == 5 for one in systems.values())
    assert set(systems["cdpo"]["seconds"]) == {"cpu"}
    assert systems["cdpo"]["seconds"]["cpu"] > systems["sft"]["seconds"]["cpu"]  # it starts there
    for name, prefix in (("policy", ""), ("sft", "<"), ("cdpo", "<"), ("morlhf", "")):
        ledger = output / dataset / "answers" / f"{name}.csv.ledger.jsonl"
        told = json.loads(ledger.read_text().splitlines()[0])["settings"]
        assert told["prefix"][:1] == prefix  # baselines are asked for their target rewards
    page = (output / dataset / "report.html").read_text()
    assert page.count("<svg") == objectives * (objectives - 1) // 2  # a front for each two
    again = run(texts, output, dataset)
    assert "$ metaaligner" not in again
