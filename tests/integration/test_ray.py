"""Two copies of the aligner as Ray actors; one of them is killed while it works."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

ray = pytest.importorskip("ray")

RUN = """
import json, sys
from pathlib import Path
import ray
ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, object_store_memory=100 * 2**20)
from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.files.ray import RayEngine
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.align import align_file
source, output, kind = sys.argv[1:]
options = {
    "objectives": ["harmless"],
    "model": "mini",
    "model_kwargs": {"device": "cpu", "max_new_tokens": 64},
}
aligner = MetaAlignerRunnable(**options)
engine = LocalEngine(aligner) if kind == "local" else RayEngine(options, 2, batch_size=2)
report = align_file(open_table(source), Path(output), engine, settings_of(aligner), window=24)
print(json.dumps(report.decisions))
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        for n in range(96):
            answer = f"You fool. The pump of house {n} moves water from the well to the roof."
            file.write(json.dumps({"query": f"What is in house {n}?", "answer": answer}) + "\n")
    return path


def start(source, output, kind):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(source), str(output), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0"},
    )


def replicas(root):
    return [one for one in psutil.Process(root).children(recursive=True) if is_replica(one)]


def is_replica(process):
    try:
        return "Replica" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def test_a_killed_replica_loses_nothing(source, tmp_path):
    local, spread = tmp_path / "local.csv", tmp_path / "spread.csv"
    told, errors = start(source, local, "local").communicate(timeout=600)
    assert json.loads(told)["edited"] > 80, errors

    process = start(source, spread, "ray")
    ledger, killed, seen = tmp_path / "spread.csv.ledger.jsonl", [], set()

    def kill_one():
        while process.poll() is None:
            try:
                working = replicas(process.pid)
            except psutil.NoSuchProcess:
                return
            seen.update(replica.pid for replica in working)
            if working and not killed and ledger.exists() and ledger.stat().st_size:
                os.kill(working[0].pid, signal.SIGKILL)
                killed.append(working[0].pid)
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    _, errors = process.communicate(timeout=600)
    killer.join(10)
    assert killed, errors
    assert len(seen) <= 3, "two replicas for all windows, and one in the place of the killed one"
    assert spread.read_bytes() == local.read_bytes(), errors
    keys = [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 96
