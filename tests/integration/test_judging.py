"""A judge behind a real server; the command is killed and goes on, and no call is paid twice."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas
import pytest

from langchain_metaaligner.evaluation.imhi.gpt_score import echoed_log_probs, gpt_score
from langchain_metaaligner.evaluation.results import read_result


@pytest.fixture
def source(tmp_path, request):
    path = tmp_path / "answers.jsonl"
    odd = {3: "refuse", 5: "limit", 7: "broken"}
    with path.open("w") as file:
        for n in range(16):
            row = {
                "query": f"{odd.get(n, 'What')} about house {n} of {request.node.name}?",
                "goldens": "" if n == 9 else "A golden answer.",
                "origin_responses": "You fool. An answer." if n % 2 else "A fine answer, long.",
                "aligned_responses": "A fine answer.",
            }
            file.write(json.dumps(row) + "\n")
    return path


def command(kind, source, output, url):
    return [
        sys.executable, "-m", "langchain_metaaligner", "evaluate", kind, str(source),
        "--judge", "openai:judge", "--judge-option", f"base_url={url}",
        "--judge-option", "max_retries=0", "--objective", "harmless", "--output", str(output),
        "--tries", "3", "--concurrency", "3",
    ]  # fmt: skip


def run(*words, **options):
    env = {**os.environ, "OPENAI_API_KEY": "none"}
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=200, env=env, **options
    )


def test_win_rates_and_every_kind_of_trouble(judge_server, source, tmp_path):
    url, _ = judge_server
    told = run("judge", source, tmp_path / "run", url)
    assert told.returncode == 0, told.stderr
    result = read_result(tmp_path / "run")
    tally = result.figures["comparisons"]["aligned against original"]["harmless"]
    assert (tally["wins"], tally["ties"], tally["losses"]) == (6, 8, 0)
    assert (tally["invalid"], tally["errors"], tally["absent"]) == (1, 1, 0)
    assert tally["win_rate"] == pytest.approx(6 / 14)
    golden = result.figures["comparisons"]["aligned against golden"]["harmless"]
    assert golden["absent"] == 1
    assert result.figures["gains"]["harmless"]["rows"] == 13
    assert result.figures["calls"]["errors"] == 6
    assert "calls, about" in told.stderr
    outcomes = [row["outcome"] for row in result.rows()]
    assert len(outcomes) == 48


def test_killed_and_run_again_it_pays_once(judge_server, source, tmp_path):
    url, log = judge_server
    before = len(log.read_text().splitlines())
    env = {**os.environ, "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(
        command("judge", source, tmp_path / "run", url), env=env, stderr=subprocess.DEVNULL
    )
    while len(log.read_text().splitlines()) < before + 20 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "result.json").exists()
    assert run("judge", source, tmp_path / "run", url).returncode == 0
    asked = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    # What was under way at the kill was lost with it: at most as much as ran at the same time.
    assert len(asked) - len(set(asked)) <= 3
    killed = json.loads((tmp_path / "run" / "result.json").read_text())
    assert run("judge", source, tmp_path / "other", url).returncode == 0
    whole = json.loads((tmp_path / "other" / "result.json").read_text())
    assert killed == whole
    rows = [(tmp_path / name / "rows.jsonl").read_text() for name in ("run", "other")]
    assert rows[0] == rows[1]


def test_ratings(judge_server, source, tmp_path):
    url, _ = judge_server
    told = run("rate", source, tmp_path / "run", url)
    assert told.returncode == 0, told.stderr
    result = read_result(tmp_path / "run")
    ratings = result.figures["ratings"]["harmless"]
    assert ratings["aligned_responses"]["mean"] == pytest.approx(9.0)
    assert ratings["origin_responses"]["histogram"][5] == 6
    assert ratings["origin_responses"]["errors"] == 1
    assert result.figures["changes"]["harmless"]["mean"] == pytest.approx(24 / 14)


def test_structured_output_gives_the_same_verdicts(judge_server, source, tmp_path):
    url, _ = judge_server
    told = subprocess.run(
        [*command("judge", source, tmp_path / "run", url), "--structured"],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OPENAI_API_KEY": "none"},
    )
    assert told.returncode == 0, told.stderr
    result = read_result(tmp_path / "run")
    tally = result.figures["comparisons"]["aligned against original"]["harmless"]
    assert (tally["wins"], tally["ties"], tally["losses"]) == (6, 8, 0)
    assert (tally["invalid"] + tally["errors"], tally["absent"]) == (2, 0)
    assert result.settings["structured"] is True


def test_the_research_s_files(judge_server, source, tmp_path):
    url, _ = judge_server
    words = [*command("judge", source, tmp_path / "run", url), "--research-compat", "--limit", "3"]
    env = {**os.environ, "OPENAI_API_KEY": "none"}
    told = subprocess.run(words, capture_output=True, text=True, timeout=200, env=env)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == "Model: answers, Win: 0, Lose: 0, tied: 3, ratio: 1.0"
    folder = tmp_path / "run" / "GPT4_predictions_origin_output_harmless"
    table = pandas.read_csv(folder / "answers.csv", escapechar="\\")
    columns = ["query", "golden", "output", "GPT4_prediction", "random_position_seeds"]
    assert list(table.columns) == columns
    assert table["output"].tolist()[1] == "You fool. An answer."
    words = [*command("rate", source, tmp_path / "rate", url), "--research-compat", "--limit", "3"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=200, env=env)
    assert told.returncode == 0, told.stderr
    table = pandas.read_csv(tmp_path / "rate" / "GPT4_ratings_none" / "answers.csv")
    assert table["harmless"].tolist() == ["Score: 9", "Score: 5", "Score: 9"]


def test_mistakes_are_one_sentence(judge_server, source, tmp_path):
    url, _ = judge_server
    broken = tmp_path / "broken.csv"
    broken.write_text("question,answer\na,b\n")
    told = run("judge", broken, tmp_path / "run", url)
    assert told.returncode == 1
    assert "It has: question, answer" in told.stderr
    assert "Traceback" not in told.stderr


def test_gpt_score_by_a_server_that_echoes(judge_server, tmp_path, monkeypatch):
    url, _ = judge_server
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    score = gpt_score(echoed_log_probs("judge", url))
    (found,) = score(["A golden answer."], [" It is short"])
    assert found == pytest.approx(-(2 + 2 + 5) / 3)
