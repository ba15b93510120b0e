"""Data sets by Algorithm 1."""

import csv
import json
import random

import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.data import (
    Preference,
    Problems,
    build_hh_rlhf,
    build_imhi,
    build_ultrafeedback,
    read_conversations,
    weak_to_strong,
)
from langchain_metaaligner.data.hh_rlhf import COLUMNS
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.templates import EditTemplate


def scored(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def completion(text, *ratings):
    rated = zip(ANNOTATIONS, ratings, strict=True)
    return {"response": text, "annotations": {name: {"Rating": r} for name, r in rated}}


def json_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path):
    return json.loads(path.read_text())


@given(
    st.dictionaries(
        st.sampled_from(["harmless", "helpful", "humor"]), st.sampled_from([-1, 0, 1]), min_size=1
    ),
    st.text(max_size=20),
)
def test_every_objective_is_in_exactly_one_pair(signs, answer):
    preference = Preference("q", answer, answer + "x", signs)
    pairs = list(weak_to_strong(preference, EditTemplate.named("HH-RLHF"), random.Random(1)))
    assert sorted(name for pair in pairs for name in pair.objectives) == sorted(signs)
    for pair in pairs:
        wanted = {signs[name] for name in pair.objectives}
        assert wanted == ({0} if pair.mode == "equal" else {1 if pair.strong == answer else -1})
        assert pair.prompt.endswith(f" | Answer: {pair.weak} | Edit: ")
        assert ("make it equal" in pair.prompt) == (pair.mode == "equal")


def test_the_equal_pair_names_the_equal_objectives(tmp_path):
    path = scored(tmp_path / "a.csv", [["q", "good", "bad", 1, 0, 2, 2, 0, 1]])
    build_hh_rlhf(path, tmp_path / "out", seed=0)
    (item,) = read(tmp_path / "out" / "all_equal" / "train.json")
    assert "Helpfulness: The response should" in item["conversations"][0]["value"]
    assert item["conversations"][1] == {"from": "gpt", "value": "good"}


def test_both_sides_of_an_ultrafeedback_pair(tmp_path):
    answers = [completion("a", "5", "1", "3", "3"), completion("b", "1", "5", "3.5", "3")]
    path = json_lines(tmp_path / "a.jsonl", [{"instruction": "q", "completions": answers}])
    report = build_ultrafeedback(path, tmp_path / "out", seed=0)
    assert report.sizes["no_equal/train.json"] == 2
    assert report.sizes["all_equal/train.json"] == 1
    assert report.aspects == {1: 1, 2: 1}


def test_ties_give_no_contrastive_pair(tmp_path):
    answers = [completion(text, "3", "3", "3", "3") for text in "abc"]
    path = json_lines(tmp_path / "a.jsonl", [{"instruction": "q", "completions": answers}])
    report = build_ultrafeedback(path, tmp_path / "out", seed=0)
    assert report.sizes["no_equal/train.json"] == 0
    assert report.sizes["all_equal/train.json"] == 3


def test_imhi_takes_the_mean_of_several_experts(tmp_path):
    responses = [
        {"response": "Yes.", "correct": [3, 2, 3], "informative": 2, "professional": 1},
        {"response": "No.", "correct": [3, 3, 3], "informative": 1, "professional": 1},
    ]
    path = json_lines(tmp_path / "a.jsonl", [{"query": "q", "responses": responses}])
    build_imhi(path, tmp_path / "out", seed=0)
    items = read(tmp_path / "out" / "no_equal" / "train.json")
    targets = {
        item["conversations"][1]["value"]: item["conversations"][0]["value"] for item in items
    }
    assert "Informative" in targets["Yes."]
    assert "Correctness" in targets["No."]
    (equal,) = read(tmp_path / "out" / "all_equal" / "train.json")
    assert "Professional" in equal["conversations"][0]["value"]


def many(path, n=200):
    rng = random.Random(0)
    rows = [
        [f"q{i}", f'a{i}, said "x"', f"b{i}\nnext", *(rng.randint(0, 2) for _ in range(6))]
        for i in range(n)
    ]
    return scored(path, rows)


def test_the_layout_and_the_datasets_folder_agree(tmp_path):
    path, out = many(tmp_path / "a.csv"), tmp_path / "out"
    report = build_hh_rlhf(path, out, seed=3)
    splits = load_from_disk(out / "datasets")
    for name, size in report.sizes.items():
        rows = splits[name.removesuffix(".json").replace("/", "_")]
        assert len(rows) == size > 0
        pairs = list(read_conversations(out / name, Problems()))
        assert pairs == list(zip(rows["prompt"], rows["completion"], strict=True))
    ids = [
        item["id"] for part in ("train", "val") for item in read(out / "no_equal" / f"{part}.json")
    ]
    ids += [item["id"] for item in read(out / "all_equal" / "train.json")]
    assert sorted(ids) == list(range(len(ids)))
    assert set(splits["all_equal_train"]["kind"]) == {"equal"}
    assert "q" not in splits["no_equal_val"]["objectives"][0]


def test_warm_up_pairs_ask_for_the_answer_itself(tmp_path):
    build_hh_rlhf(many(tmp_path / "a.csv"), tmp_path / "out", seed=3, warm_up=0.5)
    equal = read(tmp_path / "out" / "all_equal" / "train.json")
    identical = read(tmp_path / "out" / "warm_up" / "train.json")
    assert len(identical) == round(len(equal) / 2)
    for item in identical:
        prompt, target = (turn["value"] for turn in item["conversations"])
        assert prompt.endswith(f" | Answer: {target} | Edit: ")


def test_the_seed_decides(tmp_path):
    path = many(tmp_path / "a.csv")
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_hh_rlhf(path, tmp_path / name, seed=seed)
        texts.append((tmp_path / name / "no_equal" / "train.json").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_the_test_split(tmp_path):
    report = build_hh_rlhf(many(tmp_path / "a.csv"), tmp_path / "out", seed=3, split="test")
    assert set(report.sizes) == {"no_equal/test.json", "all_equal/val.json"}
    with pytest.raises(DataError, match="Unknown split 'dev'"):
        build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=3, split="dev")


BAD_ROWS = [
    ["q", "good", "bad", 1, 0, "", 2, "x", 1],
    ["q", "good", "bad", 1, 0, 1, 2, "inf", 1],
    ["r", " ", "bad", 1, 0, 1, 2, 0, 1],
]


def test_what_is_wrong_is_counted_with_its_line(tmp_path):
    path = scored(tmp_path / "a.csv", BAD_ROWS)
    report = build_hh_rlhf(path, tmp_path / "out", seed=0)
    assert [(one.kind, one.line) for one in report.problems.all] == [
        ("missing rating", 2),
        ("bad rating", 2),
        ("duplicate query", 3),
        ("bad rating", 3),
        ("empty answer", 4),
    ]
    assert report.sizes["no_equal/train.json"] == 3
    lines = (tmp_path / "out" / "problems.jsonl").read_text().splitlines()
    assert len(lines) == 5
    assert json.loads(lines[0])["source"] == "a.csv"


def test_what_is_wrong_is_refused_as_asked(tmp_path):
    path = scored(tmp_path / "a.csv", BAD_ROWS)
    with pytest.raises(DataError, match=r"a.csv, line 2: missing rating \(column chosen_score2"):
        build_hh_rlhf(path, tmp_path / "out", seed=0, on_problem="raise")


def test_a_broken_line_in_the_middle(tmp_path):
    record = {
        "instruction": "q",
        "completions": [completion("a", "5", "1", "3", "3"), completion("b", "1", "5", "N/A", "3")],
    }
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(record)}\n{json.dumps(record)[:50]}\n[]\n{json.dumps(record)}\n")
    report = build_ultrafeedback(path, tmp_path / "out", seed=0)
    assert report.problems.counts == {
        "missing rating": 2,
        "broken line": 2,
        "duplicate query": 1,
    }


def test_conversations_in_an_array_that_breaks_off(tmp_path):
    item = {
        "id": 0,
        "conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "t"}],
    }
    (tmp_path / "a.json").write_text(json.dumps([item, {"id": 1}, item]))
    problems = Problems()
    assert list(read_conversations(tmp_path / "a.json", problems)) == [("p", "t")] * 2
    assert [(one.kind, one.line) for one in problems.all] == [("missing field", 2)]
    (tmp_path / "b.json").write_text(json.dumps([item, item])[:-30])
    with pytest.raises(DataError, match="breaks off after item 1"):
        list(read_conversations(tmp_path / "b.json", problems))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        build_hh_rlhf(tmp_path / "none.csv", tmp_path / "out", seed=0)
