"""HH-RLHF dialogues into the scored CSV."""

import json

import numpy as np
import pytest

from langchain_metaaligner.data import Problems, build_hh_rlhf, score_dialogues
from langchain_metaaligner.data.hh_rlhf import COLUMNS
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import csv_rows

NAMES = ("harmless", "helpful", "humor")
DIALOGUE = "\n\nHuman: what should I cook for dinner today\n\nAssistant:"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_golden_cases(golden, tmp_path):
    limit = (lambda text: len(text.split()), 60)
    for case in golden("prepare_rewards"):
        raw = {
            tuple(key): score
            for key, score in next(
                value for name, value in case["input"].items() if name.startswith("raw_scores")
            )
        }
        half = len(case["expected"]["rows"])

        def reward(k, raw=raw, half=half):
            calls = iter(range(2 * half))
            return lambda pairs: [
                raw[k, 1 + (i >= half), i % half] for i, _ in zip(calls, pairs, strict=False)
            ]

        path = write(tmp_path / "rows.jsonl", case["input"]["rows"])
        score_dialogues(
            path,
            tmp_path / "train.csv",
            {name: reward(k) for k, name in enumerate(NAMES)},
            limits=[limit],
            research_compat=True,
        )
        assert not list(tmp_path.glob("*.npy"))
        assert (tmp_path / "train.csv").read_text() == case["expected"]["csv_text"]


def lengths(pairs):
    return [float(len(response)) for _, response in pairs]


def test_the_reward_models_see_prompt_and_response(tmp_path):
    seen = []

    def reward(pairs):
        seen.extend(pairs)
        return lengths(pairs)

    row = {"chosen": f"{DIALOGUE} Soup. ", "rejected": f"{DIALOGUE} Rice with beans."}
    path = write(tmp_path / "rows.jsonl", [row])
    score_dialogues(path, tmp_path / "out.csv", dict.fromkeys(NAMES, reward))
    prompt = DIALOGUE.replace("\n\nAssistant:", " \n\nAssistant:")
    assert seen == [(prompt, "Soup."), (prompt, "Rice with beans.")] * 3


def test_lines_that_cannot_be_used_are_counted(tmp_path):
    row = {"chosen": f"{DIALOGUE} Soup.", "rejected": f"{DIALOGUE} Rice with beans."}
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(row)}\n{{broken\n" + json.dumps({"chosen": "x"}) + "\n")
    rewards = dict.fromkeys(NAMES, lengths)
    problems = score_dialogues(path, tmp_path / "out.csv", rewards)
    assert [(one.kind, one.line) for one in problems.all] == [
        ("broken line", 2),
        ("missing field", 3),
    ]
    with pytest.raises(DataError, match="line 2: broken line"):
        score_dialogues(path, tmp_path / "out.csv", rewards, on_problem="raise")


@pytest.mark.parametrize("bad", [lambda pairs: [], lambda pairs: [float("nan")] * len(pairs)])
def test_a_reward_model_must_give_numbers(tmp_path, bad):
    row = {"chosen": f"{DIALOGUE} a", "rejected": f"{DIALOGUE} b"}
    path = write(tmp_path / "rows.jsonl", [row])
    rewards = {"harmless": lengths, "helpful": bad, "humor": lengths}
    with pytest.raises(DataError, match="reward model for helpful gave 0 numbers for 2 pairs"):
        score_dialogues(path, tmp_path / "out.csv", rewards)


def test_all_three_reward_models_are_needed(tmp_path):
    with pytest.raises(DataError, match="Give one for each of: harmless, helpful, humor"):
        score_dialogues(tmp_path / "x.jsonl", tmp_path / "out.csv", {"harmless": lengths})


def test_real_dialogues(texts, tmp_path):
    path = texts / "hh-rlhf" / "harmless-base-test.jsonl.gz"
    problems = score_dialogues(path, tmp_path / "test.csv", dict.fromkeys(NAMES, lengths))
    assert problems.counts == {"other history": 5, "empty answer": 4}
    report = build_hh_rlhf(tmp_path / "test.csv", tmp_path / "out", seed=0, split="test")
    assert report.problems.counts == {"duplicate query": 2}
    assert report.sizes["no_equal/test.json"] + report.sizes["all_equal/val.json"] == 2303


def test_pairs_that_are_left_out_are_counted(tmp_path):
    good = {"chosen": f"{DIALOGUE} Soup.", "rejected": f"{DIALOGUE} Rice with beans."}
    rows = [
        good,
        {**good, "chosen": f"{DIALOGUE} "},
        {**good, "rejected": DIALOGUE.replace("dinner", "lunch") + " Rice."},
        {"chosen": "Human: Hi. Hello.", "rejected": "Human: Hi. No."},
        {**good, "rejected": f"{DIALOGUE} {'so ' * 40}"},
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    limits = [(lambda text: len(text.split()), 30)]
    counts = []
    for compat in (False, True):
        problems = score_dialogues(
            path,
            tmp_path / "out.csv",
            dict.fromkeys(NAMES, lengths),
            limits=[(lambda text: 9, 30), *limits] if compat else [],
            research_compat=compat,
        )
        counts.append(dict(problems.counts))
        left = list(csv_rows(tmp_path / "out.csv", COLUMNS, Problems("raise")))
        assert len(left) == len(rows) - sum(problems.counts.values())
    assert counts == [
        {"empty answer": 1, "other history": 1, "no dialogue": 1},
        {"unfit length": 2},
    ]
    assert len((tmp_path / "out.csv.problems.jsonl").read_text().splitlines()) == 2


def test_mean_and_deviation_are_beside_the_table(tmp_path):
    row = {"chosen": f"{DIALOGUE} four", "rejected": f"{DIALOGUE} sixsix"}
    path = write(tmp_path / "rows.jsonl", [row] * 3)
    score_dialogues(path, tmp_path / "test.csv", dict.fromkeys(NAMES, lengths), batch_size=2)
    statistics = np.load(tmp_path / "all_reward_stat_test.npy")
    assert statistics.tolist() == [[5.0, 1.0]] * 3
    for _, row in csv_rows(tmp_path / "test.csv", COLUMNS, Problems("raise")):
        assert float(row["chosen_score1"]) == -1.0


def test_a_file_without_a_usable_dialogue(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"chosen": "x", "rejected": "y"}])
    with pytest.raises(DataError, match="no dialogue that can be used"):
        score_dialogues(path, tmp_path / "out.csv", dict.fromkeys(NAMES, lengths))


def test_a_misspelt_objective_has_a_hint(tmp_path):
    rewards = {"harmless": lengths, "helpful": lengths, "humour": lengths}
    with pytest.raises(DataError, match="Did you mean 'humor'"):
        score_dialogues(tmp_path / "x.jsonl", tmp_path / "out.csv", rewards)
