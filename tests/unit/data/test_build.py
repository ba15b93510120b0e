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
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS, TEST_COLUMNS
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import csv_rows, write_csv
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


def test_test_and_train_share_a_folder(tmp_path):
    path, out = many(tmp_path / "a.csv"), tmp_path / "out"
    build_hh_rlhf(path, out, seed=3, split="test")
    build_hh_rlhf(path, out, seed=3)
    build_hh_rlhf(path, out, seed=3, validation=0)
    splits = load_from_disk(out / "datasets")
    names = ["all_equal_train", "all_equal_val", "no_equal_test", "no_equal_train", "warm_up_train"]
    assert sorted(splits) == names
    assert load_from_disk(out / "datasets" / "no_equal_test").column_names == [
        "id", "prompt", "completion", "objectives", "kind",
    ]  # fmt: skip
    assert read(out / "no_equal" / "val.json") == []


def test_equal_pairs_are_set_aside_where_no_test_part_has_any(tmp_path):
    answers = [completion(text, "3", "3", "3", "3") for text in "abcdef"]
    path = json_lines(tmp_path / "a.jsonl", [{"instruction": "q", "completions": answers}])
    report = build_ultrafeedback(path, tmp_path / "out", seed=0)
    assert report.sizes["all_equal/val.json"] == 1
    assert report.sizes["all_equal/train.json"] == 14
    kept = read(tmp_path / "out" / "all_equal" / "train.json")
    identical = read(tmp_path / "out" / "warm_up" / "train.json")
    assert {item["id"] for item in identical} < {item["id"] for item in kept}


def test_a_small_data_set_keeps_its_training_pairs(tmp_path):
    path = many(tmp_path / "a.csv", 2)
    report = build_hh_rlhf(path, tmp_path / "out", seed=0)
    assert report.sizes["no_equal/train.json"] > 0 == report.sizes["no_equal/val.json"]
    assert report.sizes["warm_up/train.json"] == 1
    with pytest.raises(DataError, match="validation=50 cannot be set aside from"):
        build_hh_rlhf(path, tmp_path / "out", seed=0, validation=50)
    with pytest.raises(DataError, match="warm_up=2 is no share"):
        build_hh_rlhf(path, tmp_path / "out", seed=0, warm_up=2)


def test_duplicates_as_asked(tmp_path):
    path = scored(tmp_path / "a.csv", [["q", "a", "b", 1, 0, 1, 0, 1, 0]] * 3)
    for policy, size in (("keep", 3), ("skip", 1)):
        report = build_hh_rlhf(path, tmp_path / "out", seed=0, validation=0, duplicates=policy)
        assert report.sizes["no_equal/train.json"] == size
        assert report.problems.counts == {"duplicate query": 2}
    with pytest.raises(DataError, match="line 3: duplicate query"):
        build_hh_rlhf(path, tmp_path / "out", seed=0, duplicates="raise")


def test_hostile_answers_reach_prompt_and_target_as_they_are(tmp_path, hostile):
    given = hostile.encode(errors="replace").decode().replace("\0", "")
    write_csv(tmp_path / "a.csv", COLUMNS, [["q", given, "b", 1, 0, 0, 1, 0, 0]])
    build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=0, on_problem="raise")
    first, second = sorted(
        (item["conversations"] for item in read(tmp_path / "out" / "no_equal" / "train.json")),
        key=lambda turns: turns[1]["value"] == "b",
    )
    assert first[1]["value"] == given
    assert second[0]["value"].endswith(f" | Answer: {given} | Edit: ")
    splits = load_from_disk(tmp_path / "out" / "datasets")
    assert given in splits["no_equal_train"]["completion"][:]


BAD_RECORDS = [
    {"instruction": "q", "completions": "none"},
    {"instruction": " ", "completions": []},
    {"completions": []},
    {"instruction": "r", "completions": [None, {"response": None}, {"response": ""}]},
    {"instruction": "s", "completions": [{"response": "a"}, {"response": "b", "annotations": 3}]},
    {"instruction": "t", "completions": [completion("a", 5, 4.5, True, "3")]},
    {"instruction": "u", "completions": [completion("a", "5", "NaN", "1", "3")]},
]


def test_records_of_any_shape_are_counted(tmp_path):
    path = json_lines(tmp_path / "a.jsonl", BAD_RECORDS)
    report = build_ultrafeedback(path, tmp_path / "out", seed=0)
    assert report.problems.counts == {
        "missing field": 3, "empty answer": 3, "missing rating": 2, "bad rating": 2,
    }  # fmt: skip
    build_ultrafeedback(path, tmp_path / "script", seed=0, test=path, research_compat=True)
    good = json_lines(tmp_path / "b.jsonl", [])
    report = build_ultrafeedback(good, tmp_path / "out", seed=0, test=path)
    assert report.sizes["no_equal/test.csv"] == 3
    assert report.problems.counts["missing field"] == 3
    assert {problem.source for problem in report.problems.all} == {"a.jsonl"}


def test_the_golden_answers_are_read_back_as_they_were(tmp_path):
    answers = [completion("C:\\new\r", "5", "5", "N/A", "5"), completion("b", 1, 1, 1, 1)]
    path = json_lines(
        tmp_path / "a.jsonl", [{"instruction": 'say "q", please', "completions": answers}]
    )
    build_ultrafeedback(path, tmp_path / "out", seed=0, test=path)
    rows = csv_rows(tmp_path / "out" / "no_equal" / "test.csv", TEST_COLUMNS, Problems("raise"))
    assert list(rows) == [(2, {"query": 'say "q", please', "golden_response": "C:\\new\r"})]


def test_imhi_ratings_in_a_table(tmp_path):
    (tmp_path / "a.csv").write_text(
        "query,response,correct,informative,professional,expert\n"
        "q,Yes.,3,2,1,anna\nq,Yes.,2,2,1,bob\nq,No.,3,1,1,anna\n"
        "r,Yes.,4,,x,anna\nr,No.,3,1,1,anna\n,No.,3,1,1,anna\nr,Perhaps.,1,1,1,bob\n"
    )
    report = build_imhi(tmp_path / "a.csv", tmp_path / "out", seed=0, validation=0)
    assert [(one.kind, one.line) for one in report.problems.all] == [
        ("bad rating", 5),
        ("missing rating", 5),
        ("bad rating", 5),
        ("missing field", 7),
        ("duplicate query", 8),
    ]
    items = read(tmp_path / "out" / "no_equal" / "train.json")
    targets = {turns[1]["value"]: turns[0]["value"] for turns in map(_turns, items)}
    assert "Informative" in targets["Yes."]
    assert "Correctness" in targets["No."]


def _turns(item):
    return item["conversations"]


def test_imhi_answers_of_two_models_that_agree_stay_two(tmp_path):
    responses = [{"response": "Yes.", "correct": n, "informative": n} for n in (1, 2)]
    path = json_lines(tmp_path / "a.jsonl", [{"query": "q", "responses": responses}])
    report = build_imhi(path, tmp_path / "out", seed=0)
    assert report.sizes["no_equal/train.json"] == 1
    assert report.problems.counts == {"missing rating": 2}
    with pytest.raises(DataError, match="is no file of ratings"):
        build_imhi(tmp_path / "a.txt", tmp_path / "out", seed=0)


def test_imhi_test_files_of_the_benchmark(tmp_path, texts):
    path = json_lines(tmp_path / "a.jsonl", [{"query": "q", "responses": []}])
    for test in sorted((texts / "imhi" / "expert").glob("*.csv")):
        report = build_imhi(path, tmp_path / "out", seed=0, test=test)
        assert report.sizes["no_equal/test.csv"] == 35
        assert not report.problems.counts


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        build_hh_rlhf(tmp_path / "none.csv", tmp_path / "out", seed=0)
