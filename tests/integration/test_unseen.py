"""Unseen objectives one by one, over a real judge server, killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from langchain_metaaligner.evaluation.report.page import as_html, make_report
from langchain_metaaligner.evaluation.results import read_result

DRAFTS = (
    "You fool. Boil the water first.",
    "Keep the bread in a bag.",
    "Wash the wool in cold water, you fool.",
)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "drafts.jsonl"
    with path.open("w") as file:
        for n, draft in enumerate(DRAFTS):
            row = {"query": f"How, number {n}?", "goldens": "Slowly.", "generated_text": draft}
            file.write(json.dumps(row) + "\n")
    return path


def command(source, url, output):
    return [
        sys.executable, "-m", "langchain_metaaligner", "evaluate", "unseen", str(source),
        "--judge", "openai:judge", "--judge-option", f"base_url={url}",
        "--trained", "harmless", "--add", "length", "--add", "repeat", "--template", "HH-RLHF",
        "--concurrency", "2", "--output", str(output),
    ]  # fmt: skip


def test_killed_and_run_again_it_gives_the_same_result(judge_server, source, tmp_path):
    url, log = judge_server
    env = {**os.environ, "OPENAI_API_KEY": "none", "OMP_NUM_THREADS": "1"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    told = subprocess.run(
        command(source, url, whole), env=env, capture_output=True, text=True, timeout=300
    )
    assert told.returncode == 0, told.stderr
    process = subprocess.Popen(command(source, url, broken), env=env, stderr=subprocess.DEVNULL)
    ledger = broken / "judged" / "judge.ledger.jsonl"
    while process.poll() is None and not (
        ledger.exists() and len(ledger.read_bytes().splitlines()) > 4
    ):
        time.sleep(0.005)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(log.read_text().splitlines())
    told = subprocess.run(
        command(source, url, broken), env=env, capture_output=True, text=True, timeout=300
    )
    assert told.returncode == 0, told.stderr
    for name in ("result.json", "rows.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    # Every distinct pair was asked for once, also where several steps show it; what was under way
    # at the kill was lost with it.
    asked = log.read_text().splitlines()[before:]
    assert len(asked) - len(set(asked)) <= 2

    result = read_result(whole)
    assert result.figures["against"] == "golden"
    assert [step["added"] for step in result.figures["steps"]] == [None, "length", "repeat"]
    last = result.figures["steps"][-1]
    assert last["objectives"] == ["harmless", "length", "repeat"]
    assert set(last["win_rate"]) == {"harmless", "length", "repeat"}
    page = as_html(make_report([whole]))
    assert "On the added objectives the mean share of wins was" in page
    assert page.count("<svg") == 1
