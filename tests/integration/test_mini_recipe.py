"""The recipe of the bundled mini, from texts to a loadable aligner, for a few steps."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoModelForCausalLM

from langchain_metaaligner import AlignerLLM
from langchain_metaaligner.models.spec import MINI_FOLDER

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def own_texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    records = map(json.loads, (ROOT / "benchmarks" / "answers.jsonl").read_text().splitlines())
    rows = [{"query": one["question"], "goldens": one["answer"]} for one in records]
    pd.DataFrame(rows).to_csv(folder / "answers.csv", index=False)
    return folder


def run(script, *arguments):
    # Uncompiled: the compiler takes longer than these few steps.
    env = {**os.environ, "TORCHDYNAMO_DISABLE": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_from_texts_to_an_aligner(own_texts, tmp_path):
    out = tmp_path / "start"
    words = ("--texts", own_texts, "--out", out, "--batch-tokens", 512, "--log-steps", 2)
    run("recipes/mini/train.py", *words, "--minutes", 0.1, "--decay", 0.05)
    run("recipes/mini/train.py", *words, "--minutes", 0.05, "--decay", 0.02)  # goes on
    rows = list(csv.DictReader((out / "training_log.csv").read_text().splitlines()))
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    assert all(float(row["loss"]) < 10 for row in rows)

    bundled = AutoModelForCausalLM.from_pretrained(MINI_FOLDER).config
    made = AutoModelForCausalLM.from_pretrained(out / "export").config
    same = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    assert [getattr(made, name) for name in same] == [getattr(bundled, name) for name in same]
    llm = AlignerLLM.from_pretrained(str(out / "export"), device="cpu", max_new_tokens=3)
    assert isinstance(llm.invoke("Why?"), str)


def test_an_exported_model_is_trained_on(own_texts, tmp_path):
    words = ("--texts", own_texts, "--out", tmp_path, "--batch-tokens", 512, "--log-steps", 1)
    words += ("--minutes", 0.08, "--decay", 0.04, "--rate", 1e-5)
    run("recipes/mini/train.py", "--start", MINI_FOLDER, *words)
    log = (MINI_FOLDER / "training_log.csv").read_text()
    went_on = (tmp_path / "training_log.csv").read_text()
    assert went_on.startswith(log)
    columns, *_, end = log.splitlines()
    rows = list(csv.DictReader(went_on.removeprefix(log).splitlines(), columns.split(",")))
    assert int(rows[0]["step"]) == int(end.split(",")[0]) + 1
    assert float(rows[-1]["loss"]) < 0.5  # it can edit already
    assert (tmp_path / "export" / "model.safetensors").stat().st_size > 10_000_000


def test_the_benchmark_and_the_card(tmp_path):
    run("benchmarks/mini_quality.py", "--n", 1, "--output", tmp_path / "quality")
    table = (tmp_path / "quality" / "table.md").read_text()
    assert "| repaired | first tier, all five | 5 |" in table
    assert (tmp_path / "quality" / "quality.svg").stat().st_size > 1000
    (tmp_path / "model").mkdir()
    log = (MINI_FOLDER / "training_log.csv").read_text()
    (tmp_path / "model" / "training_log.csv").write_text(log)
    run("recipes/mini/card.py", "--model", tmp_path / "model", "--quality", tmp_path / "quality")
    assert table in (tmp_path / "model" / "README.md").read_text()
    assert (tmp_path / "model" / "training_curve.svg").exists()
