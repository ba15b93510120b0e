"""HH-RLHF dialogues into the scored CSV."""

import json

import pytest

from langchain_metaaligner.data import score_dialogues
from langchain_metaaligner.errors import DataError

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
        )
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
    assert not problems.all
    assert (tmp_path / "test.csv").stat().st_size > 100_000
