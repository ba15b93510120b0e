"""``metaaligner evaluate imhi`` over files."""

import json
import subprocess
import sys

import pandas
import pytest

from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi
from langchain_metaaligner.evaluation.results import read_result


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "langchain_metaaligner", "evaluate", "imhi", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.fixture
def outputs(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    rows = {
        "goldens": [
            "Yes, the poster suffers from stress. Reasoning: work.",
            "No, the poster does not suffer from stress. Reasoning: a walk.",
            "Yes, the poster suffers from stress. Reasoning: no sleep.",
        ],
        "generated_text": ["Yes. Reasoning: work.", "", "Another day."],
    }
    pandas.DataFrame(rows).to_csv(folder / "dreaddit.csv", index=False)
    return folder


def test_the_command_leaves_a_result(outputs, tmp_path):
    told = command(outputs, "--output", tmp_path / "run", "--metric", "bleu")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Dataset: dreaddit, average acc:66.67")
    assert "never" not in told.stdout
    assert "For research only" in told.stderr
    result = read_result(tmp_path / "run")
    figures = result.figures["datasets"]["dreaddit"]
    assert (figures["rows"], figures["empty"], figures["out_of_domain"]) == (3, 1, 2)
    assert [row["label"] for row in result.rows()] == [1, 0, 0]
    assert figures["metrics"]["bleu"] > 0


def test_research_compat_reports_the_script_s_failure(outputs, tmp_path):
    result = evaluate_imhi(outputs, tmp_path / "run", research_compat=True)
    assert result.figures["datasets"]["dreaddit"]["error"].startswith("AttributeError")


def test_correlation_with_people(outputs, tmp_path):
    human = tmp_path / "DR_annotation"
    human.mkdir()
    rows = [
        {"text": "post", "label": "yes", "gpt-3.5-turbo": text, **dict.fromkeys(
            ("fluency", "completeness", "reliability", "overall"), json.dumps([n, n, n])
        )}
        for n, text in enumerate(["x y", "the pump y", "the pump moves", "the pump moves water"])
    ]  # fmt: skip
    pandas.DataFrame(rows).to_csv(human / "chatgpt_data.csv", index=False)
    told = command(outputs, "--output", tmp_path / "run", "--metric", "rouge1", "--human", human)
    assert told.returncode == 0, told.stderr
    found = read_result(tmp_path / "run").figures["correlations"]["rouge1"]["overall"]
    assert found["spearman"] == pytest.approx(1.0)


def test_mistakes_are_one_sentence(outputs, tmp_path):
    told = command(outputs, "--output", tmp_path / "run", "--metric", "bleurt")
    assert told.returncode == 1
    assert "is unknown. Did you mean 'bleu'?" in told.stderr
    told = command(tmp_path, "--output", tmp_path / "run")
    assert "has no IMHI.csv" in told.stderr
    told = command(outputs, "--output", tmp_path / "run", "--column", "said")
    assert "It has: goldens, generated_text" in told.stderr


def test_all_released_outputs(texts, tmp_path):
    folder = texts / "policy_outputs" / "IMHI" / "llama2-chat-7B"
    result = evaluate_imhi(folder, tmp_path / "run")
    assert result.figures["datasets"]
    assert all("error" not in told for told in result.figures["datasets"].values())
