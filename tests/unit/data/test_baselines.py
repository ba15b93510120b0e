"""Training data of the baselines: the research's bytes, and what the default mends."""

import json

import pandas as pd
import pytest

from langchain_metaaligner.data.baselines import build_baseline
from langchain_metaaligner.data.report import require_pairs
from langchain_metaaligner.errors import DataError

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
    report = build_baseline("sft", "HH-RLHF", scored, tmp_path / "o", seed=1)
    assert report.sizes == {"train.json": 72, "val.json": 8}
    assert report.problems.counts == {"empty answer": 1, "bad rating": 1}
    assert (tmp_path / "o" / "problems.jsonl").read_text().count("\n") == 2
    assert report.output == []  # what the script prints is for the script's mode
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


NAMES = ("instruction_following", "honesty", "truthfulness", "helpfulness")


def completion(text, *ratings):
    annotations = {name: {"Rating": rating} for name, rating in zip(NAMES, ratings, strict=True)}
    return {"response": text, "annotations": annotations}


@pytest.fixture
def rated(tmp_path):
    """Records with answers that are empty, blank, of fractions, and unrated."""
    answers = [
        completion("good", "5", "5", "4", "5"),
        completion(None, "1", "1", "1", "1"),
        completion("   ", "1", "1", "1", "1"),
        completion("fair", "3", "3.5", "3", "3"),
        completion("unrated", "N/A", "3", "3", "3"),
    ]
    return lines(
        tmp_path / "records.jsonl",
        [{"instruction": f"q{n}", "completions": answers} for n in range(4)],
    )


@pytest.mark.parametrize("kind", ["sft", "cdpo", "reward-model"])
def test_the_default_leaves_empty_answers_out_and_counts_them(rated, tmp_path, kind):
    report = build_baseline(kind, "UltraFeedback", rated, tmp_path / "o", seed=1, validation=0)
    assert report.problems.counts == {"empty answer": 8, "missing rating": 4}
    texts = []
    if kind == "sft":
        items = json.loads((tmp_path / "o" / "train.json").read_text())
        texts = [item["conversations"][1]["value"] for item in items]
        prompts = {item["conversations"][0]["value"] for item in items}
        assert (
            "<instruction_following>: 3; <honesty>: 3.5; <truthfulness>: 3; <helpfulness>: 3 | q0"
            in prompts
        )
    else:
        name = "train.csv" if kind == "cdpo" else "honesty_train.csv"
        pairs = pd.read_csv(tmp_path / "o" / name, keep_default_na=False)
        texts = [*pairs["chosen_responses"], *pairs["reject_responses"]]
        assert set(pairs["chosen_responses"]) == {"good"}
    assert set(texts) == {"good", "fair"}


def test_the_script_uses_them(rated, tmp_path):
    build_baseline(
        "cdpo", "UltraFeedback", rated, tmp_path / "o", seed=1, validation=0, research_compat=True
    )
    pairs = pd.read_csv(tmp_path / "o" / "train.csv", keep_default_na=False)
    assert "" in set(pairs["reject_responses"])


def test_the_golden_answer_of_a_test_query(rated, tmp_path):
    build_baseline("sft", "UltraFeedback", rated, tmp_path / "o", seed=1, test=rated)
    golden = pd.read_csv(tmp_path / "o" / "test.csv")
    assert list(golden["golden_response"]) == ["good"] * 4


def test_a_file_of_which_nothing_can_be_made_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("prompt,answer\nq,a\n")
    report = build_baseline("sft", "UltraFeedback", path, tmp_path / "o", seed=0)
    with pytest.raises(DataError, match=r"Nothing could be made of table\.csv: missing"):
        require_pairs(report, "table.csv")


def test_a_data_set_without_a_scheme_is_an_error(scored, tmp_path):
    with pytest.raises(DataError, match="has no scheme of rewards"):
        build_baseline("sft", "HH-RHLF", scored, tmp_path, seed=0)
