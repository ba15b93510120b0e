"""Training data of the baselines: the research's bytes, and what the default mends."""

import json

import pandas as pd
import pytest

from langchain_metaaligner.data.baselines import (
    SCHEMES,
    build_baseline,
    sft_prompt,
    split_response,
)
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.problems import Problems

COLUMNS = [
    "prompt", "chosen_response", "rejected_response", "chosen_score1", "rejected_score1",
    "chosen_score2", "rejected_score2", "chosen_score3", "rejected_score3",
]  # fmt: skip
KINDS = {"sft": "sft", "cdpo": "cdpo", "rm": "reward-model"}


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def check(case, output, report):
    expected = case["expected"]
    assert report.output == expected["stdout"]
    for name, content in expected["files"].items():
        text = (output / name.split("/")[1]).read_text()
        if name.endswith(".json"):
            assert text == json.dumps(json.loads(content) if isinstance(content, str) else content)
        else:
            assert text == content["raw"]


@pytest.mark.parametrize("kind", KINDS)
def test_hh_rlhf_as_the_research(golden, tmp_path, kind):
    cases = golden(f"{kind}_hh_rlhf_builder")
    assert len(cases) >= 13
    for number, case in enumerate(cases):
        scored, output = tmp_path / f"{number}.csv", tmp_path / str(number)
        frame = pd.DataFrame(case["input"]["rows"], columns=COLUMNS)
        frame.to_csv(scored, index=False, escapechar="\\")

        def build(scored=scored, output=output, case=case):
            return build_baseline(
                KINDS[kind],
                "HH-RLHF",
                scored,
                output,
                seed=case["input"]["random_seed"],
                research_compat=True,
            )

        error = case["expected"]["error"] or ""
        if "same length" in error:
            with pytest.raises(DataError, match="same length"):
                build()
        elif not error:  # else the script fails for want of a folder, which is made here
            check(case, output, build())


@pytest.mark.parametrize("kind", KINDS)
def test_ultrafeedback_as_the_research(golden, tmp_path, kind):
    cases = golden(f"{kind}_ultrafeedback_builder")
    assert len(cases) >= 13
    for number, case in enumerate(cases):
        output, given = tmp_path / str(number), case["input"]
        report = build_baseline(
            KINDS[kind],
            "UltraFeedback",
            lines(tmp_path / "train.jsonl", given["train"]),
            output,
            seed=given["random_seed"],
            test=lines(tmp_path / "test.jsonl", given["test"]),
            research_compat=True,
        )
        check(case, output, report)


def test_prompts_of_inference(golden_real):
    for case in golden_real("sft_inference_prompts"):
        asked = case["input"]
        dataset = next((name for name in SCHEMES if name in asked["data_dir"]), "IMHI")
        if dataset in SCHEMES:
            assert sft_prompt(dataset, asked["query"]) == case["expected"]
        else:
            with pytest.raises(DataError, match="no scheme of rewards"):
                sft_prompt(dataset, asked["query"])


def test_splitting_a_response(golden):
    for case in golden("instructions_split"):
        expected = case["expected"]
        made = split_response(case["input"])
        assert made == (expected["get_input"], expected["get_response"])


@pytest.fixture
def scored(tmp_path):
    path = tmp_path / "train.csv"
    rows = [
        [f"\n\nHuman: q{n}? \n\nAssistant:", f"good {n}", f"bad {n}", 1.004, -1, -0.001, 0.5, 2, 1]
        for n in range(40)
    ]
    rows.append(["\n\nHuman: x? \n\nAssistant:", "", "bad", 1, 0, 1, 0, 1, 0])
    rows.append(["\n\nHuman: y? \n\nAssistant:", "a", "b", "", 0, 1, 0, 1, 0])
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False)
    return path


def test_the_default_counts_what_it_leaves_out(scored, tmp_path):
    problems = Problems()
    report = build_baseline("sft", "HH-RLHF", scored, tmp_path / "o", seed=1, problems=problems)
    assert report.sizes == {"train.json": 72, "val.json": 8}
    assert problems.counts == {"empty answer": 1, "bad rating": 1}
    items = json.loads((tmp_path / "o" / "train.json").read_text())
    prompts = {item["conversations"][0]["value"].partition(" | ")[0] for item in items}
    assert "<Harmlessness>: 1.0; <Helpfulness>: 0.0; <Humour>: 2.0" in prompts


def test_the_default_shuffles_before_it_splits(scored, tmp_path):
    for kind in ("cdpo", "reward-model"):
        build_baseline(kind, "HH-RLHF", scored, tmp_path / kind, seed=1)
    pairs = pd.read_csv(tmp_path / "cdpo" / "train.csv")
    assert len(pairs) == 36
    assert list(pairs["chosen_responses"]) != sorted(pairs["chosen_responses"])
    halves = [
        pd.read_csv(tmp_path / "reward-model" / f"harmless_{part}.csv") for part in ("train", "val")
    ]
    assert [len(half) for half in halves] == [20, 20]
    assert not set(halves[0]["queries"]) & set(halves[1]["queries"])


def test_the_same_seed_gives_the_same_files(scored, tmp_path):
    for name in ("a", "b"):
        build_baseline("cdpo", "HH-RLHF", scored, tmp_path / name, seed=7)
    assert (tmp_path / "a" / "train.csv").read_bytes() == (
        tmp_path / "b" / "train.csv"
    ).read_bytes()


def test_an_unknown_baseline_is_an_error(scored, tmp_path):
    with pytest.raises(DataError, match="Did you mean 'cdpo'"):
        build_baseline("cdop", "HH-RLHF", scored, tmp_path, seed=0)
