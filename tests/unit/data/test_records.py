"""Where raw records come from: files, folders in the layout of the Hub, and its cache."""

import gzip
import json

import pytest

from langchain_metaaligner.data import Problems, build_ultrafeedback, score_dialogues
from langchain_metaaligner.data.records import records_of
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS
from langchain_metaaligner.errors import DataError

ASKED = "\n\nHuman: what should I cook for dinner today\n\nAssistant:"


def gz(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def hh(tmp_path):
    """The files of Anthropic/hh-rlhf."""
    root = tmp_path / "hh-rlhf"
    for folder in ("helpful-base", "harmless-base"):
        for split in ("train", "test"):
            row = {"chosen": f"{ASKED} {folder} {split}.", "rejected": f"{ASKED} Rice."}
            gz(root / folder / f"{split}.jsonl.gz", [row, row])
    gz(root / "red-team-attempts" / "red_team_attempts.jsonl.gz", [{"transcript": "…"}])
    (root / ".cache").mkdir()
    gz(root / ".cache" / "train.jsonl.gz", [{"hidden": 1}])
    (root / "README.md").write_text("---\nlicense: mit\n---\n")
    return root


def record(number):
    answers = [
        {"response": text, "annotations": {name: {"Rating": rating} for name in ANNOTATIONS}}
        for text, rating in (("good", "5"), ("bad", "1"))
    ]
    return {"instruction": str(number), "completions": answers}


@pytest.fixture
def ultrafeedback(tmp_path):
    """Files as those of openbmb/UltraFeedback, of ten records in all."""
    root = tmp_path / "UltraFeedback"
    root.mkdir()
    numbers = iter(range(10))
    for name, count in (("sharegpt", 5), ("evol_instruct", 2), ("flan", 3)):
        lines = [json.dumps(record(f"{name} {next(numbers)}")) for _ in range(count)]
        (root / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return root


def read(records):
    return list(records.read(Problems("raise")))


def test_the_parts_of_a_folder_are_read_in_order_and_no_others(hh):
    for split in ("train", "test"):
        texts = [one["chosen"] for _, _, one in read(records_of(hh, split))]
        assert texts == [
            f"{ASKED} {folder} {split}." for folder in ("harmless-base", "helpful-base")
            for _ in range(2)
        ]  # fmt: skip
    names = {name for name, _, _ in read(records_of(hh, "test"))}
    assert names == {"harmless-base/test.jsonl.gz", "helpful-base/test.jsonl.gz"}


def test_a_folder_is_scored(hh, tmp_path):
    rewards = dict.fromkeys(
        ("harmless", "helpful", "humor"), lambda pairs: [float(len(a)) for _, a in pairs]
    )
    score_dialogues(records_of(hh, "train"), tmp_path / "train.csv", rewards)
    assert (tmp_path / "train.csv").read_text().count("helpful-base train.") == 2


def test_the_last_records_are_the_test_part(ultrafeedback):
    training, test = records_of(ultrafeedback).divided(4)
    whole = [one["instruction"] for _, _, one in read(records_of(ultrafeedback))]
    assert [name.split()[0] for name in whole] == ["evol_instruct"] * 2 + ["flan"] * 3 + [
        "sharegpt"
    ] * 5
    parts = [[one["instruction"] for _, _, one in read(part)] for part in (training, test)]
    assert parts == [whole[:6], whole[6:]]
    assert [name for name, _, _ in read(test)] == ["sharegpt.jsonl"] * 4
    assert [line for _, line, _ in read(test)] == [2, 3, 4, 5]


@pytest.mark.parametrize("last", [1, 5, 8, 9])
def test_no_record_is_in_both_parts_or_in_none(ultrafeedback, last):
    training, test = (read(part) for part in records_of(ultrafeedback).divided(last))
    assert training + test == read(records_of(ultrafeedback))
    assert len(test) == last


def test_what_is_wrong_is_counted_once_though_both_parts_read_the_file(ultrafeedback):
    path = ultrafeedback / "sharegpt.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{broken", *lines[1:], "{broken too"]) + "\n")
    problems = Problems()
    for part in records_of(ultrafeedback).divided(4):
        list(part.read(problems))
    found = [(one.source, one.line) for one in problems.all]
    assert found == [("sharegpt.jsonl", 2), ("sharegpt.jsonl", 7)]


def test_too_few_records_for_the_researchs_split(ultrafeedback):
    with pytest.raises(DataError, match=r"has 10 records, of which the last 15,000 are to be"):
        records_of(ultrafeedback).divided()


def test_both_parts_become_a_data_set(ultrafeedback, tmp_path):
    training, test = records_of(ultrafeedback).divided(4)
    report = build_ultrafeedback(training, tmp_path / "o", seed=0, test=test, validation=0)
    assert report.sizes["no_equal/train.json"] == 6
    assert report.sizes["no_equal/test.csv"] == 4


def test_parquet_is_read_as_json_lines_are(ultrafeedback, tmp_path):
    from datasets import load_dataset

    lines = str(ultrafeedback / "flan.jsonl")
    folder = tmp_path / "parquet" / "data"
    folder.mkdir(parents=True)
    load_dataset("json", data_files=lines, split="train", cache_dir=str(tmp_path / "c")).to_parquet(
        folder / "train-00000-of-00001.parquet"
    )
    rows = read(records_of(tmp_path / "parquet", "train"))
    assert [row for _, _, row in rows] == [row for _, _, row in read(records_of(lines))]


def test_the_hubs_cache_is_read_offline(hh, tmp_path, monkeypatch):
    from huggingface_hub import constants

    commit = "0" * 40
    cached = tmp_path / "cache" / "datasets--Anthropic--hh-rlhf"
    (cached / "snapshots").mkdir(parents=True)
    hh.rename(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert len(read(records_of("Anthropic/hh-rlhf", "test"))) == 4
    with pytest.raises(DataError, match="no data set could be fetched by that name"):
        records_of("openbmb/UltraFeedback")


@pytest.mark.parametrize("name", ["none.jsonl", "folder/none.csv", "none"])
def test_a_file_that_is_not_there(name):
    with pytest.raises(DataError, match=f"There is no file {name}"):
        records_of(name)


def test_a_folder_without_records(tmp_path):
    with pytest.raises(DataError, match="holds no records of the test part"):
        records_of(tmp_path, "test")
    with pytest.raises(DataError, match="Did you mean 'test'"):
        records_of(tmp_path, "tests")
