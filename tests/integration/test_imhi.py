"""``metaaligner evaluate imhi`` over files."""

import json

import pandas
import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi
from langchain_metaaligner.evaluation.results import read_result


def command(*words):
    return CliRunner().invoke(app, ["evaluate", "imhi", *map(str, words)])


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
    asked = ("--metric", "rougeL", "--metric", "bleu", "--metric", "rouge1")
    told = command(outputs, "--output", tmp_path / "run", *asked)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("Dataset: dreaddit, average acc:66.67")
    assert "never" not in told.stdout
    assert "For research only" in told.stderr
    result = read_result(tmp_path / "run")
    figures = result.figures["datasets"]["dreaddit"]
    assert (figures["rows"], figures["empty"], figures["out_of_domain"]) == (3, 1, 2)
    assert [row["label"] for row in result.rows()] == [1, 0, 0]
    table = [line.split("┃") for line in told.stderr.splitlines() if "rougeL" in line]
    heads = [cell.strip() for cell in table[0]]
    (cells,) = [line.split("│") for line in told.stderr.splitlines() if "│ dreaddit" in line]
    shown = dict(zip(heads, (cell.strip() for cell in cells), strict=True))
    names = {"bleu (corpus)": "bleu", "sentence-bleu (mean)": "sentence-bleu",
             "rougeL": "rougeL", "rouge1": "rouge1"}  # fmt: skip
    for head, name in names.items():
        assert shown[head] == f"{figures['metrics'][name]:.3f}"
    assert len(set(figures["metrics"].values())) >= 3


def test_research_compat_reports_the_script_s_failure(outputs, tmp_path):
    result = evaluate_imhi(outputs, tmp_path / "run", research_compat=True)
    assert result.figures["datasets"]["dreaddit"]["error"].startswith("AttributeError")


def test_correlation_with_people(outputs, tmp_path):
    human = tmp_path / "DR_annotation"
    human.mkdir()
    rows = [
        {"text": "the pump moves water", "label": "yes", "gpt-3.5-turbo": text, **dict.fromkeys(
            ("fluency", "completeness", "reliability", "overall"), json.dumps([n, n, n])
        )}
        for n, text in enumerate(["x y", "the pump y", "the pump moves", "the pump moves water"])
    ]  # fmt: skip
    pandas.DataFrame(rows).to_csv(human / "chatgpt_data.csv", index=False)
    told = command(outputs, "--output", tmp_path / "run", "--metric", "rouge1", "--human", human)
    assert told.exit_code == 0, told.output
    by_file = read_result(tmp_path / "run").figures["correlations"]
    overall = by_file["chatgpt_data"]["rouge1"]["overall"]
    assert (overall["spearman"], overall["n"]) == (pytest.approx(1.0), 4)
    assert "chatgpt_data" in told.stderr
    assert "1.00" in told.stderr


def test_mistakes_are_one_sentence(outputs, tmp_path):
    told = command(outputs, "--output", tmp_path / "run", "--metric", "bleurt")
    assert told.exit_code == 1
    assert "is unknown. Did you mean 'bleu'?" in str(told.exception)
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, says in (
        ((empty,), "holds no file of answers"),
        ((outputs, "--column", "said"), "It has: goldens, generated_text"),
        (
            (outputs, "--metric", "bert-score", "--bert-model", empty, "--bert-layer", "2"),
            "No encoder",
        ),
        ((outputs, "--metric", "gpt_score"), "needs --gpt-model"),
        ((outputs, "--human", empty), "--human needs a --metric"),
        ((outputs, "--human-reference", "worst"), "Give post or best"),
    ):
        told = command(*words, "--output", tmp_path / "run")
        assert isinstance(told.exception, MetaAlignerError), told.exception
        assert says in str(told.exception)


def test_nothing_that_could_be_measured_is_no_success(tmp_path):
    path = tmp_path / "DR.csv"
    path.write_text("goldens,generated_text\nPerhaps.,Yes.\n")
    told = command(path, "--output", tmp_path / "run")
    assert told.exit_code == 1
    assert "No data set could be measured: DataError: No golden answer" in str(told.exception)


def test_all_released_outputs(texts, tmp_path):
    folder = texts / "policy_outputs" / "IMHI" / "llama2-chat-7B"
    result = evaluate_imhi(folder, tmp_path / "run")
    assert result.figures["datasets"]
    assert all("error" not in told for told in result.figures["datasets"].values())
