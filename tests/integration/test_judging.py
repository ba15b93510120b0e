"""A judge behind a real server; the command is killed and goes on, and no call is paid twice."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas
import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import CallError, MetaAlignerError, SettingError
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


def words(kind, source, output, url, *more):
    return [
        "evaluate", kind, str(source), "--judge", "openai:judge",
        "--judge-option", f"base_url={url}", "--judge-option", "max_retries=0",
        "--objective", "harmless", "--output", str(output), "--tries", "3", "--concurrency", "3",
        *map(str, more),
    ]  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    """Runs the command in this process, as `main` does."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def invoke(*given):
        done = CliRunner().invoke(app, words(*given))
        if done.exception and not isinstance(done.exception, SystemExit | MetaAlignerError):
            raise done.exception
        return done

    return invoke


def process(*given):
    env = {**os.environ, "OPENAI_API_KEY": "none"}
    return subprocess.Popen(
        [sys.executable, "-m", "langchain_metaaligner", *words(*given)],
        env=env, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_win_rates_and_every_kind_of_trouble(judge_server, source, run, tmp_path):
    url, _ = judge_server
    told = run("judge", source, tmp_path / "run", url)
    assert told.exit_code == 0, told.output
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


def test_killed_and_run_again_it_pays_once(judge_server, source, run, tmp_path):
    url, log = judge_server
    before = len(log.read_text().splitlines())
    killed = process("judge", source, tmp_path / "run", url)
    while len(log.read_text().splitlines()) < before + 20 and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "run" / "result.json").exists()
    assert run("judge", source, tmp_path / "run", url).exit_code == 0
    asked = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    # What was under way at the kill was lost with it: at most as much as ran at the same time.
    assert len(asked) - len(set(asked)) <= 3
    resumed = json.loads((tmp_path / "run" / "result.json").read_text())
    assert run("judge", source, tmp_path / "other", url).exit_code == 0
    whole = json.loads((tmp_path / "other" / "result.json").read_text())
    assert resumed == whole
    rows = [(tmp_path / name / "rows.jsonl").read_text() for name in ("run", "other")]
    assert rows[0] == rows[1]


def test_ratings(judge_server, source, run, tmp_path):
    url, _ = judge_server
    told = run("rate", source, tmp_path / "run", url)
    assert told.exit_code == 0, told.output
    result = read_result(tmp_path / "run")
    ratings = result.figures["ratings"]["harmless"]
    assert ratings["aligned_responses"]["mean"] == pytest.approx(9.0)
    assert ratings["origin_responses"]["histogram"][5] == 6
    assert ratings["origin_responses"]["errors"] == 1
    assert result.figures["changes"]["harmless"]["mean"] == pytest.approx(24 / 14)


def test_structured_output_gives_the_same_verdicts(judge_server, source, run, tmp_path):
    url, _ = judge_server
    told = run("judge", source, tmp_path / "run", url, "--structured")
    assert told.exit_code == 0, told.output
    result = read_result(tmp_path / "run")
    tally = result.figures["comparisons"]["aligned against original"]["harmless"]
    assert (tally["wins"], tally["ties"], tally["losses"]) == (6, 8, 0)
    assert (tally["invalid"] + tally["errors"], tally["absent"]) == (2, 0)
    assert result.settings["structured"] is True


def test_the_research_s_files(judge_server, source, run, tmp_path):
    url, _ = judge_server
    compat = ("--research-compat", "--limit", "3")
    told = run("judge", source, tmp_path / "run", url, *compat)
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert lines[0] == "Model: answers, Win: 0, Lose: 0, tied: 3, ratio: 1.0"
    folder = tmp_path / "run" / "GPT4_predictions_origin_output_harmless"
    table = pandas.read_csv(folder / "answers.csv", escapechar="\\")
    columns = ["query", "golden", "output", "GPT4_prediction", "random_position_seeds"]
    assert list(table.columns) == columns
    assert table["output"].tolist()[1] == "You fool. An answer."
    told = run("rate", source, tmp_path / "rate", url, *compat)
    assert told.exit_code == 0, told.output
    table = pandas.read_csv(tmp_path / "rate" / "GPT4_ratings_none" / "answers.csv")
    assert table["harmless"].tolist() == ["Score: 9", "Score: 5", "Score: 9"]


@pytest.mark.parametrize("kind", ["judge", "rate"])
def test_an_estimate_needs_no_key_and_no_server(kind, source, run, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    url = "http://127.0.0.1:9"
    told = run(kind, source, tmp_path / "run", url, "--estimate", "--price", "2.5")
    assert told.exit_code == 0, told.output
    calls = {"judge": 92, "rate": 32}[kind]  # of one row there is no golden answer
    assert f"{calls} calls, about" in told.stderr
    assert "0 replies are known" in told.stderr
    assert not (tmp_path / "run").exists()


def test_an_estimate_knows_what_is_paid(judge_server, source, run, tmp_path):
    url, _ = judge_server
    assert run("judge", source, tmp_path / "run", url, "--limit", "2").exit_code == 0
    told = run("judge", source, tmp_path / "run", url, "--limit", "3", "--estimate")
    assert "12 replies are known" in told.stderr


def test_without_a_key_it_is_one_sentence(source, run, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    told = run("judge", source, tmp_path / "run", "http://127.0.0.1:9")
    assert told.exit_code == 1
    assert isinstance(told.exception, SettingError)
    assert "OPENAI_API_KEY" in str(told.exception)


def test_a_dead_server_is_no_success(source, run, tmp_path):
    told = run("judge", source, tmp_path / "run", "http://127.0.0.1:9", "--tries", "1")
    assert told.exit_code == 1
    assert isinstance(told.exception, CallError)
    assert "calls in a row failed in the same way: " in str(told.exception)


def test_few_calls_that_all_fail_are_no_success(judge_server, run, tmp_path):
    url, _ = judge_server
    path = tmp_path / "a.csv"
    path.write_text("question,answer,aligned_responses\nbroken,a,b\n")
    told = run("judge", path, tmp_path / "run", url, "--tries", "1")
    assert isinstance(told.exception, CallError)
    assert "All 2 calls failed: " in str(told.exception)
    assert read_result(tmp_path / "run").figures["calls"]["errors"] == 2


def test_replies_that_nobody_can_read_are_no_success(judge_server, run, tmp_path):
    url, _ = judge_server
    path = tmp_path / "a.csv"
    path.write_text("question,answer,aligned_responses\nrefuse,a,b\n")
    told = run("judge", path, tmp_path / "run", url)
    assert "No reply of the judge could be read" in str(told.exception)


def test_files_of_align_file_with_any_question_column(judge_server, run, tmp_path):
    url, log = judge_server
    folder = tmp_path / "edits"
    folder.mkdir()
    for name in ("DR", "SAD"):
        rows = ["question,answer,origin_responses,aligned_responses,decision,reason"]
        rows += [f"{name} {n}?,You fool {n}.,You fool {n}.,Fine {n}.,edited," for n in range(2)]
        rows += [f"{name} same {n}?,None,None,None,unchanged," for n in range(5)]
        (folder / f"{name}-aligned.csv").write_text("\n".join(rows) + "\n")
    before = len(log.read_text().splitlines())
    output = tmp_path / "runs[bold]x" / "judge[/a]"
    told = run("judge", folder, output, url)
    assert told.exit_code == 0, told.output
    assert told.stdout.strip() == str(output)
    assert len(log.read_text().splitlines()) - before == 8  # identical pairs are not asked
    figures = read_result(output).figures
    tally = figures["comparisons"]["aligned against original"]["harmless"]
    assert (tally["wins"], tally["ties"], tally["identical"]) == (4, 10, 10)
    assert figures["calls"]["asked"] == 8
    assert figures["calls"]["tokens_in"] == 8 * 50
    assert {row["source"] for row in read_result(output).rows()} == {
        "DR-aligned.csv", "SAD-aligned.csv",
    }  # fmt: skip
    assert "+29%" in told.stderr  # 4 of 14, not a strict share against one half
    assert "better" in told.stderr


def test_ctrl_c_keeps_what_was_answered(judge_server, source, tmp_path):
    url, log = judge_server
    before = len(log.read_text().splitlines())
    stopped = process("judge", source, tmp_path / "run", url)
    while len(log.read_text().splitlines()) < before + 9 and stopped.poll() is None:
        time.sleep(0.01)
    stopped.send_signal(signal.SIGINT)
    _, errors = stopped.communicate(timeout=120)
    assert stopped.returncode == 130
    assert "calls were made, and their replies are kept in" in errors
    assert "Traceback" not in errors
    lines = (tmp_path / "run" / "judge.ledger.jsonl").read_text().splitlines()
    assert len([line for line in lines if "reply" in json.loads(line)]) >= 5


def test_mistakes_are_one_sentence(source, run, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text("notes,answer\na,b\n")
    told = run("judge", broken, tmp_path / "run", "http://127.0.0.1:9")
    assert "It has: notes, answer" in str(told.exception)
    told = run("judge", source, tmp_path / "run", "http://127.0.0.1:9", "-O", "harmles")
    assert "Did you mean 'harmless'?" in str(told.exception)
    told = run("rate", source, tmp_path / "run", "http://127.0.0.1:9", "--dataset", "HHRLHF")
    assert told.exit_code == 1
    told = run("judge", tmp_path / "none.csv", tmp_path / "run", "http://127.0.0.1:9")
    assert "There is no file" in str(told.exception)


def test_gpt_score_by_a_server_that_echoes(judge_server, tmp_path, monkeypatch):
    url, _ = judge_server
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    score = gpt_score(echoed_log_probs("judge", url))
    (found,) = score(["A golden answer."], [" It is short"])
    assert found == pytest.approx(-(2 + 2 + 5) / 3)
