"""Scoring commands over real processes, killed and started again."""

import json

import pandas
import pytest
from processes import finished, killed, start, whole_lines
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import SettingError

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = 60
DIALOGUE = "\n\nHuman: Hi . thanks Yes No Hi\n\nAssistant:"


@pytest.fixture
def rewards(tmp_path, checkpoint):
    return {
        name: checkpoint(tmp_path / name, labels)
        for name, labels in (("harmless", 1), ("helpful", 1), ("humor", 2))
    }


@pytest.fixture
def dialogues(tmp_path):
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for n in range(ROWS):
            words = ["Yes", "No", "thanks", "Hi"]
            chosen, rejected = " ".join(words[: n % 4 + 1]), f"{words[n % 3]} Hi {n}"
            row = {"chosen": f"{DIALOGUE} {chosen}", "rejected": f"{DIALOGUE} {rejected}"}
            file.write(json.dumps(row) + "\n")
    return path


def run(*words):
    """The command in this process: it starts at once."""
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def scoring(dialogues, rewards, output, *more):
    models = [word for name, folder in rewards.items() for word in (f"--{name}", folder)]
    return ["data", "score", "--input", dialogues, "--output", output, *models, *more]


def test_one_process_two_and_a_killed_run_agree(dialogues, rewards, tmp_path):
    one, two, broken = (tmp_path / name / "train.csv" for name in ("one", "two", "broken"))
    run(*scoring(dialogues, rewards, one))
    finished(*scoring(dialogues, rewards, two, "--processes", 2))
    ledger = broken.with_name("train.csv.ledger.jsonl")
    words = scoring(dialogues, rewards, broken, "--processes", 2)
    killed(broken.parent, lambda: len(whole_lines(ledger)) >= 10, *words)
    assert not broken.exists()
    kept = whole_lines(ledger)
    run(*scoring(dialogues, rewards, broken))
    assert one.read_bytes() == two.read_bytes() == broken.read_bytes()
    assert whole_lines(ledger)[: len(kept)] == kept
    assert len(whole_lines(ledger)) == ROWS
    statistics = [
        path.with_name("all_reward_stat_train.npy").read_bytes() for path in (one, broken)
    ]
    assert statistics[0] == statistics[1]


def test_an_attribute_of_the_dpa_model(dialogues, rewards, tmp_path, checkpoint):
    folder = checkpoint(tmp_path / "dpa", 10, 256)
    given = {**rewards, "helpful": f"{folder}#helpsteer-helpfulness"}
    run(*scoring(dialogues, given, tmp_path / "out.csv"))
    made = pandas.read_csv(tmp_path / "out.csv")
    assert len(made) == ROWS
    assert made["chosen_score2"].nunique() > 1
    wrong = {**rewards, "helpful": f"{folder}#helpfulness"}
    with pytest.raises(SettingError, match=r"Did you mean 'helpsteer-helpfulness'\?"):
        run(*scoring(dialogues, wrong, tmp_path / "wrong.csv"))


def test_a_process_that_cannot_load_ends_the_run_with_the_reason(
    dialogues, rewards, tmp_path, checkpoint
):
    other = {**rewards, "helpful": checkpoint(tmp_path / "two-logits", 2)}
    process = start(*scoring(dialogues, other, tmp_path / "out.csv", "--processes", 2))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Error: A process with the reward models" in errors
    assert "No reward model could be loaded from" in errors


def test_rewards_of_edits_after_a_kill(rewards, tmp_path):
    source = tmp_path / "aligned.jsonl"
    with source.open("w") as file:
        for n in range(400):
            row = {
                "query": f"Hi {n}",
                "origin_responses": f"No {n}",
                "aligned_responses": f"Yes {n} thanks." + " Hi" * (n % 7),
            }
            file.write(json.dumps(row) + "\n")
    words = ["evaluate", "reward", source, "--reward", f"harmless={rewards['harmless']}"]
    run(*words, "--output", tmp_path / "whole")
    ledger = tmp_path / "run" / "reward.ledger.jsonl"
    output = ("--output", tmp_path / "run")
    killed(tmp_path / "run", lambda: len(whole_lines(ledger)) >= 20, *words, *output)
    assert not (tmp_path / "run" / "result.json").exists()
    run(*words, "--output", tmp_path / "run")
    for name in ("result.json", "rows.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
