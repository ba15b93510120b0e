"""``metaaligner data`` as a user calls it."""

import csv
import json
import subprocess
import sys

import pandas as pd
import pytest
from datasets import load_from_disk
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.data import Problems, read_conversations, score_dialogues
from langchain_metaaligner.errors import DataError

COLUMNS = ["prompt", "chosen_response", "rejected_response"] + [
    f"{side}_score{k}" for k in (1, 2, 3) for side in ("chosen", "rejected")
]


def run(*words):
    result = CliRunner().invoke(app, ["data", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def scored(tmp_path):
    path = tmp_path / "train.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for i in range(30):
            rows.writerow([f"\n\nHuman: q{i} \n\nAssistant:", "good", "bad", 1, 0, 0, 1, i % 2, 0])
        rows.writerow(["q", "", "bad", 1, 0, 0, 1, 2, 0])
    return path


def test_hh_rlhf(scored, tmp_path):
    output = run("hh-rlhf", "--input", scored, "--output", tmp_path / "out", "--seed", 1)
    assert "no_equal/train.json" in output
    assert "empty answer" in output
    assert len(load_from_disk(tmp_path / "out" / "datasets")["no_equal_train"]) == 54
    with pytest.raises(DataError, match="empty answer"):
        run("hh-rlhf", "--input", scored, "--output", tmp_path, "--seed", 1, "--strict")


def test_hh_rlhf_as_the_research_script(scored, tmp_path):
    words = ("--input", scored, "--output", tmp_path / "out", "--seed", 1, "--research-compat")
    output = run("hh-rlhf", "--split", "test", *words)
    assert output.splitlines() == [
        "60",
        "aspects1: 45",
        "aspects2: 15",
        "aspects3: 0",
        "15",
        "Test: 60",
    ]
    assert len(json.loads((tmp_path / "out" / "no_equal" / "test.json").read_text())) == 60


def test_ultrafeedback(golden, tmp_path):
    case = golden("ultrafeedback_builder")[7]["input"]
    for part in ("train", "test"):
        lines = "".join(json.dumps(record) + "\n" for record in case[part])
        (tmp_path / f"{part}.jsonl").write_text(lines)
    words = ("--input", tmp_path / "train.jsonl", "--test", tmp_path / "test.jsonl", "--seed", 0)
    run("ultrafeedback", *words, "--output", tmp_path / "paper")
    output = run("ultrafeedback", *words, "--output", tmp_path / "script", "--research-compat")
    assert output.splitlines()[-1] == "Train: 0, val: 6, test: 1"
    for folder in ("paper", "script"):
        assert (tmp_path / folder / "no_equal" / "test.csv").read_text().startswith("query,golden")


def test_imhi(tmp_path):
    responses = [
        {"response": "Yes.", "correct": 3, "informative": 2, "professional": 1},
        {"response": "No.", "correct": 1, "informative": 2, "professional": "good"},
    ]
    path = tmp_path / "ratings.jsonl"
    path.write_text(json.dumps({"query": "Consider this post: …", "responses": responses}) + "\n")
    output = run("imhi", "--input", path, "--output", tmp_path / "out", "--seed", 0)
    assert "bad rating" in output
    assert (tmp_path / "out" / "problems.jsonl").exists()


def test_what_is_wrong_is_shown_beside_what_the_script_prints(scored, tmp_path):
    words = ("data", "hh-rlhf", "--input", scored, "--output", tmp_path / "out", "--seed", 1)
    result = CliRunner().invoke(app, [*map(str, words), "--research-compat"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Train: 0, val: 60"
    assert "empty answer" in result.stderr
    assert (tmp_path / "out" / "problems.jsonl").exists()


def test_released_conversations(scored, tmp_path):
    run("hh-rlhf", "--input", scored, "--output", tmp_path / "made", "--seed", 1)
    path = tmp_path / "made" / "no_equal" / "train.json"
    output = run("released", "--input", path, "--output", tmp_path / "out", "--part", "all/train")
    assert "all/train.json" in output
    copied = tmp_path / "out" / "all" / "train.json"
    ours, theirs = (list(read_conversations(one, Problems("raise"))) for one in (path, copied))
    assert ours == theirs


def test_a_table_of_ratings_and_duplicates_as_asked(tmp_path):
    path = tmp_path / "ratings.csv"
    rows = "q,Yes.,3,2,1\nq,No.,1,2,3\nr,No.,1,2,3\nq,Perhaps.,1,2,3\n"
    path.write_text("query,response,correct,informative,professional\n" + rows)
    test = tmp_path / "test.csv"
    test.write_text('query,gpt-3.5-turbo\n"Consider this post: …",Yes.\n')
    words = ("imhi", "--input", path, "--output", tmp_path / "out", "--seed", 0, "--test", test)
    assert "duplicate query" in run(*words)
    assert (tmp_path / "out" / "no_equal" / "test.csv").read_text().count("Yes.") == 1
    with pytest.raises(DataError, match="line 5: duplicate query"):
        run(*words, "--strict")
    run(*words, "--strict", "--duplicates", "skip")
    with pytest.raises(DataError, match="Give one of: keep, skip, raise"):
        run(*words, "--duplicates", "drop")


def test_real_dialogues_to_a_data_set(texts, tmp_path):
    """Scored by a toy, built both ways, and every file loadable."""
    path = texts / "hh-rlhf" / "harmless-base-test.jsonl.gz"
    rewards = {
        "harmless": lambda pairs: [-answer.count("!") for _, answer in pairs],
        "helpful": lambda pairs: [len(answer) / 100 for _, answer in pairs],
        "humor": lambda pairs: [answer.count("?") for _, answer in pairs],
    }
    score_dialogues(path, tmp_path / "train.csv", rewards)
    words = ("hh-rlhf", "--input", tmp_path / "train.csv", "--seed", 5)
    run(*words, "--output", tmp_path / "paper")
    run(*words, "--output", tmp_path / "script", "--research-compat")
    splits = load_from_disk(tmp_path / "paper" / "datasets")
    assert min(map(len, splits.values())) > 50
    for name in ("no_equal/train", "all_equal/train"):
        items = json.loads((tmp_path / "paper" / f"{name}.json").read_text())
        assert len(items) == len(splits[name.replace("/", "_")])


def records(folder, name, count):
    folder.mkdir(exist_ok=True)
    names = ("instruction_following", "honesty", "truthfulness", "helpfulness")
    answers = [
        {"response": text, "annotations": {one: {"Rating": rating} for one in names}}
        for text, rating in (("good", "5"), ("", "1"), ("bad", "1"))
    ]
    lines = (
        json.dumps({"instruction": f"{name} {n}", "completions": answers}) for n in range(count)
    )
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("trains", ["aligner", "sft", "cdpo", "reward-model"])
def test_a_folder_in_the_hubs_layout_is_divided_as_the_research_does(tmp_path, trains):
    for name in ("flan", "evol_instruct"):
        records(tmp_path / "hub", name, 4)
    words = ("--input", tmp_path / "hub", "--test-size", 3, "--seed", 0, "--validation", 0)
    output = run("ultrafeedback", *words, "--output", tmp_path / "out", "--for", trains)
    assert "empty answer" in output
    if trains in ("sft", "cdpo", "aligner"):
        (test,) = (tmp_path / "out").rglob("test.csv")
        rows = list(csv.DictReader(test.read_text().splitlines()))
        assert [row["query"] for row in rows] == ["flan 1", "flan 2", "flan 3"]
        assert {row["golden_response"] for row in rows} == {"good"}


def failed(*words):
    result = CliRunner().invoke(app, ["data", *map(str, words)])
    assert isinstance(result.exception, DataError), result.output
    return str(result.exception)


@pytest.mark.parametrize("compat", [(), ("--research-compat",)])
def test_a_command_that_made_nothing_fails(tmp_path, compat):
    (tmp_path / "a.csv").write_text("prompt,answer\nq,a\n")
    (tmp_path / "a.jsonl").write_text("prompt,answer\nq,a\n")
    for name, wrong in (("a.csv", "missing field (1)"), ("a.jsonl", "broken line (2)")):
        words = ("--input", tmp_path / name, "--output", tmp_path / "o", "--seed", 0, *compat)
        assert f"Nothing could be made of {tmp_path / name}: {wrong}" in failed(
            "ultrafeedback", *words
        )
    (tmp_path / "ratings.jsonl").write_text("{}\n")
    words = ("--input", tmp_path / "ratings.jsonl", "--output", tmp_path / "o", "--seed", 0)
    assert "missing field (1)" in failed("imhi", *words)
    assert "missing field (1)" in failed("released", *words[:-2])


def test_scores_come_first(tmp_path):
    words = ("--output", tmp_path / "o", "--seed", 0, "--split", "test")
    told = failed("hh-rlhf", "--input", "Anthropic/hh-rlhf", *words)
    assert "metaaligner data score --input Anthropic/hh-rlhf --split test" in told
    (tmp_path / "HH-RLHF").mkdir()
    assert "There is no file" in failed("hh-rlhf", "--input", tmp_path / "HH-RLHF", *words)


def test_the_scored_tables_of_a_folder(scored, tmp_path):
    folder = tmp_path / "HH-RLHF"
    folder.mkdir()
    scored.rename(folder / "test.csv")
    words = ("--input", folder, "--output", tmp_path / "o", "--seed", 0)
    assert "no_equal/test.json" in run("hh-rlhf", "--split", "test", *words)


def test_the_input_is_looked_at_before_the_reward_models(tmp_path):
    (tmp_path / "e.csv").write_text("prompt,answer\nq,a\n")
    words = ("--input", tmp_path / "e.csv", "--output", tmp_path / "o.csv")
    assert "has no dialogue that can be used: missing field (1)" in failed("score", *words)
    assert not (tmp_path / "o.csv.ledger.jsonl").exists()


def test_a_mistake_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "langchain_metaaligner", "data", "hh-rlhf"]
    words = ["--input", "none.csv", "--output", str(tmp_path), "--seed", "0"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: There is no file none.csv.")


def test_without_the_extra_the_command_names_the_install(tmp_path):
    code = """
import sys
sys.modules["datasets"] = None
sys.argv = ["metaaligner", "data", "hh-rlhf", "--input", "x", "--output", "y", "--seed", "0"]
from langchain_metaaligner.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'langchain-metaaligner[train]'" in done.stderr


def test_the_command_line_starts_without_the_extra():
    code = "import langchain_metaaligner.cli, sys; print({'datasets', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_synthetic_from_real_texts(texts, tmp_path):
    words = ("--texts", texts, "--seed", 0, "--number", 300, "--validation", 40)
    run("synthetic", *words, "--output", tmp_path / "a")
    run("synthetic", *words, "--output", tmp_path / "b")
    name = "no_equal/train.json"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    pairs = list(read_conversations(tmp_path / "a" / name, Problems("raise")))
    assert len(pairs) == 300
    unchanged = sum(f" | Answer: {pair.completion} | Edit: " in pair.prompt for pair in pairs)
    assert 60 < unchanged < 150


def test_synthetic_from_texts_of_our_own(tmp_path):
    answer = "Store the loaf in a linen bag. The fridge makes it stale faster. Freeze the slices."
    rows = [{"query": f"How do I keep bread, {i}?", "goldens": answer} for i in range(40)]
    pd.DataFrame(rows).to_csv(tmp_path / "policy.csv", index=False)
    output = run("synthetic", "--texts", tmp_path, "--output", tmp_path / "out", "--seed", 0,
                 "--number", 50, "--validation", 5)  # fmt: skip
    assert "no_equal/val.json" in output
