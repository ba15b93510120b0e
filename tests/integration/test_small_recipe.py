"""The recipe of the small aligner, from marked drafts to one file that edits, in miniature."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_gguf import write_tiny_gguf
from transformers import LlamaForCausalLM

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "small"
DRAFTS = [
    ("How do I keep bread?", "Keep it in a bag.{{harmless: Even you own a bag.||}} Eat it soon."),
    ("Tea?", "{{length:Great question! Black||Black}} tea takes five minutes. Warm the pot."),
    ("Is it raining?", "Not yet. Showers come at four."),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    (folder / "drafts").mkdir()
    lines = [json.dumps({"question": question, "marked": text}) for question, text in DRAFTS]
    (folder / "drafts" / "own.jsonl").write_text("\n".join(lines) + "\n")
    write_tiny_gguf(folder / "tiny.gguf", " ".join(text for _, text in DRAFTS))
    run("base.py", folder / "tiny.gguf", folder / "base")
    return folder


def run(script, *words):
    done = subprocess.run(
        [sys.executable, str(RECIPE / script), *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def train(folder, minutes):
    words = ("--base", folder / "base", "--out", folder / "run", "--drafts", folder / "drafts")
    words += ("--minutes", minutes, "--batch-tokens", 300, "--log-steps", 1, "--rank", 4)
    words += ("--caution", 0.25, "--depth", 1)
    return run("train.py", *words, "--longest", 1000, "--rate", 0.003)


def test_from_drafts_to_one_file(folder):
    train(folder, 0.06)
    train(folder, 0.03)  # goes on
    rows = list(csv.DictReader((folder / "run" / "training_log.csv").read_text().splitlines()))
    steps = [int(row["step"]) for row in rows]
    assert steps == list(range(1, len(steps) + 1))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])

    exact = "--blocks", "F32", "--table", "F32"
    run("export.py", folder / "run" / "export", folder / "base", folder / "exact", *exact)
    run("export.py", folder / "run" / "export", folder / "base", folder / "shipped")
    sizes = [(folder / name / "small.gguf").stat().st_size for name in ("shipped", "exact")]
    assert sizes[0] < sizes[1]
    prompt = "a | Answer: Keep it in a bag. | Edit: "
    trained = AlignerLLM(model=str(folder / "run" / "export"), device="cpu", dtype="float32")
    shipped = AlignerLLM(model=str(folder / "exact"), device="cpu", dtype="float32")
    ids = torch.tensor([trained.get_token_ids(prompt)])
    assert ids.tolist() == [shipped.get_token_ids(prompt)]
    with torch.inference_mode():
        one, other = (llm.checkpoint.model(ids).logits for llm in (trained, shipped))
    assert torch.allclose(one, other, atol=1e-4)
    assert shipped.checkpoint.marks == (3, 4, 5, 6)
    assert shipped.checkpoint.caution == 0.25
    quality = folder / "quality"
    quality.mkdir()
    (quality / "table.md").write_text("| measure |\n")
    log = folder / "run" / "training_log.csv"
    run("card.py", "--log", log, "--quality", quality, "--model", folder / "shipped")
    assert "| measure |" in (folder / "shipped" / "README.md").read_text()
    assert (folder / "shipped" / "training_curve.svg").exists()

    aligner = MetaAlignerRunnable(objectives=["harmless"], model=str(folder / "shipped"))
    assert aligner.edit_template.name == "UltraFeedback"
    assert aligner.align("How do I keep bread?", "In a bag.").original == "In a bag."


def test_examples_behind_each_other_are_read_apart(folder):
    """What the trainer computes is what transformers computes, example by example."""
    spec = importlib.util.spec_from_file_location("small_model", RECIPE / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    flat = module.FlatLlama(folder / "base", rank=4, depth=0.5)
    module.save_folder(flat, folder / "base", folder / "half", caution=0.0)
    plain = LlamaForCausalLM.from_pretrained(folder / "half", dtype=torch.float32)
    assert plain.config.num_hidden_layers == 1
    generator = torch.Generator().manual_seed(0)
    prefix, one, other = (
        torch.randint(3, plain.config.vocab_size, (n,), generator=generator) for n in (4, 9, 6)
    )
    with torch.inference_mode():
        ids, words = torch.cat((prefix, one, other)), torch.tensor([4, 12, 13, 18])
        marks = flat(ids, [4, 9, 6], words).marks
        for example, places, rows in ((one, [4, 12], marks[:2]), (other, [4, 9], marks[2:])):
            expected = plain(torch.cat((prefix, example))[None]).logits[0, places]
            assert torch.allclose(rows, expected[:, list(module.MARKS)], atol=2e-2)  # bfloat16


def test_the_benchmark_measures_it(tmp_path):
    words = ("--model", "mini", "--n", "3", "--output", str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "natural.py"), *words],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    table = (tmp_path / "table.md").read_text()
    assert table.splitlines()[0] == "| measure | drafts | n | mini | the draft |"
    assert "| repaired | all | 3 |" in table
