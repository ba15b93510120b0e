"""``metaaligner align-file``, killed for real, on large files, and twice at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

SLOW = """
import sys, time, resource
from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.align import align_file
from langchain_metaaligner.testing import FakeAlignerLLM
from pathlib import Path
source, output, pause = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

def edit(prompt):
    time.sleep(pause)
    return "better " + prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")

aligner = MetaAlignerRunnable(
    objectives=["harmless"], llm=FakeAlignerLLM(edit), template="UltraFeedback"
)
report = align_file(
    open_table(source), output, LocalEngine(aligner), settings_of(aligner), window=8
)
print(report.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_rows(path, number):
    with path.open("w") as file:
        for n in range(number):
            row = {
                "query": f"Question {n}?",
                "generated_text": f"Answer number {n}, of some words.",
            }
            file.write(json.dumps(row) + "\n")


def start(source, output, pause):
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(source), str(output), str(pause)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_again_and_again_it_ends_in_the_same_file(tmp_path):
    source, whole, output = (tmp_path / name for name in ("in.jsonl", "whole.csv", "out.csv"))
    ledger = tmp_path / "out.csv.ledger.jsonl"
    write_rows(source, 400)
    told, errors = start(source, whole, 0).communicate(timeout=120)
    assert told.startswith("400 "), errors
    chance = random.Random(3)
    kills = 0
    for _ in range(12):
        process = start(source, output, 0.004)
        before = ledger.stat().st_size if ledger.exists() else 0
        while process.poll() is None and (
            not ledger.exists() or ledger.stat().st_size <= before + 500
        ):
            time.sleep(0.01)
        time.sleep(chance.random() * 0.3)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate(timeout=60)
        if output.exists():
            break
    assert kills >= 2
    _, errors = start(source, output, 0).communicate(timeout=120)
    assert output.read_bytes() == whole.read_bytes(), errors
    keys = [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 400


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for number in (3_000, 30_000):
        source = tmp_path / f"{number}.jsonl"
        write_rows(source, number)
        told, errors = start(source, tmp_path / f"{number}.csv", 0).communicate(timeout=300)
        assert told, errors
        peaks.append(int(told.split()[1]))
    assert peaks[1] <= 1.1 * peaks[0]


def test_a_second_run_on_the_ledger_is_refused(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.csv"
    write_rows(source, 200)
    first = start(source, output, 0.05)
    ledger = tmp_path / "out.csv.ledger.jsonl"
    while not ledger.exists():
        time.sleep(0.05)
    _, errors = start(source, output, 0).communicate(timeout=60)
    first.kill()
    first.communicate()
    assert "is open in another run" in errors


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "langchain_metaaligner", "align-file", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_command_with_the_mini(tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(
        "query,goldens,generated_text\n"
        "What is a pump?,g,You fool. A pump moves water from a well to a house.\n"
        "What is a well?,g,\n"
    )
    words = (source, "--output", output, "--objective", "harmless", "--device", "cpu")
    told = command(*words)
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == str(output)
    assert "1 edited, 1 kept" in told.stderr
    assert "A pump moves water from a well to a house.,edited" in output.read_text()
    compat = tmp_path / "compat.csv"
    told = command(
        source, "--output", compat, "--objective", "harmless", "--template", "UltraFeedback",
        "--research-compat",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    header = compat.read_text().splitlines()[0]
    assert header == "query,goldens,origin_responses,aligned_responses"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("in.csv", "--output", "out.xlsx", "--objective", "fair"), "was given as output"),
        (("none.csv", "--output", "out.csv", "--objective", "fair"), "no file"),
        (("in.csv", "--output", "out.csv", "--objective", "fare"), "'fair'"),
        (("in.csv", "--output", "out.csv", "--objective", "fair", "--engine", "rya"), "'ray'"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, words, says):
    (tmp_path / "in.csv").write_text("query,generated_text\na,b\n")
    placed = [tmp_path / word if word.endswith((".csv", ".xlsx")) else word for word in words]
    told = command(*placed)
    assert told.returncode == 1
    assert says in told.stderr
    assert "Traceback" not in told.stderr
