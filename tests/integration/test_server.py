"""The mini behind a real OpenAI-compatible server: transformers' own, in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.files.align import align_file
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.files.servers import served
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.spec import resolve

SCRIPT = Path(__file__).parent / "completions_server.py"
ROWS = [
    (f"What is in house {n}?", f"You fool. The pump of house {n} moves water from the well.")
    for n in range(6)
]


class Server:
    """A server process that can be killed, and started again on its port."""

    def __init__(self, folder, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.log = folder, log
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.folder), str(self.port), str(self.log)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.DEVNULL,
        )

    def wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.is_up():
                return
            assert self.process.poll() is None, "the server ended"
            time.sleep(0.2)
        raise AssertionError("the server did not come up")

    def is_up(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2):
                return True
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def prompts(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def server(tmp_path):
    running = Server(resolve("mini"), tmp_path / "ids.jsonl")
    running.wait()
    yield running
    running.kill()


@pytest.fixture
def local():
    return MetaAlignerRunnable(
        objectives=["harmless"],
        llm=AlignerLLM(device="cpu", max_new_tokens=40),
        template="UltraFeedback",
    )


def behind(server, **options):
    llm = served("mini", server.url, 40, **options)
    return MetaAlignerRunnable(objectives=["harmless"], llm=llm, template="UltraFeedback")


def test_edits_and_prompts_are_those_of_a_local_model(server, local):
    remote = behind(server).align_batch(ROWS)
    here = local.align_batch(ROWS)
    assert [one.text for one in remote] == [one.text for one in here]
    assert {one.decision for one in remote} == {"edited"}
    wanted = [
        local.llm.get_token_ids(local.edit_template.format(*row, local.objectives)) for row in ROWS
    ]
    assert sorted(server.prompts()) == sorted(wanted)


def test_a_server_that_dies_and_returns_costs_no_row(server, local, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"query": question, "answer": answer} for question, answer in ROWS]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    aligner = behind(server, rows=2, timeout=60.0, retries=12)

    def die_and_return():
        while not server.log.exists() or len(server.prompts()) < 2:
            time.sleep(0.05)
        server.kill()
        time.sleep(1.0)
        server.start()

    trouble = threading.Thread(target=die_and_return)
    trouble.start()
    report = align_file(
        open_table(str(source)), output, LocalEngine(aligner), settings_of(aligner), window=2
    )
    trouble.join()
    assert report.decisions == {"edited": 6}
    made = [json.loads(line)["aligned_responses"] for line in output.read_text().splitlines()]
    assert made == [one.text for one in local.align_batch(ROWS)]


def test_a_server_that_stays_away_costs_no_draft(server, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    question, answer = ROWS[0]
    source.write_text(json.dumps({"query": question, "answer": answer}) + "\n")
    server.kill()
    aligner = behind(server, timeout=1.0, retries=0)
    table, settings = open_table(str(source)), settings_of(aligner)
    report = align_file(table, output, LocalEngine(aligner), settings)
    assert report.reasons == {"error": 1}
    assert json.loads(output.read_text())["aligned_responses"] == answer
    server.start()
    server.wait()
    aligner = behind(server)
    report = align_file(table, output, LocalEngine(aligner), settings_of(aligner))
    assert report.decisions == {"edited": 1}
