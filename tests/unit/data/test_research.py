"""The research scripts' data sets, byte for byte (golden cases that the scripts produced)."""

import csv
import hashlib
import json

import pandas as pd
import pytest

from langchain_metaaligner.data import research
from langchain_metaaligner.errors import DataError

COLUMNS = [
    "prompt", "chosen_response", "rejected_response", "chosen_score1", "rejected_score1",
    "chosen_score2", "rejected_score2", "chosen_score3", "rejected_score3",
]  # fmt: skip


def written(folder, names):
    found = {}
    for name in names:
        if name.endswith(".json"):
            text = (folder / name).read_text()
            found[name] = json.loads(text)
            assert text == json.dumps(found[name])
        else:
            found[name] = (folder / name).read_text()
    return found


def json_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_hh_rlhf(golden, tmp_path):
    for number, case in enumerate(golden("hh_rlhf_builder")):
        given, expected = case["input"], case["expected"]
        scored, output = tmp_path / f"{number}.csv", tmp_path / str(number)
        pd.DataFrame(given["rows"], columns=COLUMNS).to_csv(scored, index=False)
        report = research.build_hh_rlhf(
            scored, output, seed=given["random_seed"], split=given["split"]
        )
        assert report.output == expected["stdout"], given["note"]
        assert written(output, expected["files"]) == expected["files"], given["note"]


def test_ultrafeedback(golden, tmp_path):
    for number, case in enumerate(golden("ultrafeedback_builder")):
        given, expected = case["input"], case["expected"]
        output = tmp_path / str(number)
        report = research.build_ultrafeedback(
            json_lines(tmp_path / "train.jsonl", given["train"]),
            output,
            seed=given["random_seed"],
            test=json_lines(tmp_path / "test.jsonl", given["test"]),
        )
        assert report.output == expected["stdout"], given["note"]
        files = dict(expected["files"])
        files["no_equal/test.csv"] = files["no_equal/test.csv"]["raw"]
        assert written(output, files) == files, given["note"]


def test_the_split_boundary_of_hh_rlhf(golden, tmp_path):
    expected = golden("builder_split_boundary")[0]["expected"]
    scored = tmp_path / "train.csv"
    with scored.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for i in range(7600):
            prompt = f"\n\nHuman: q{i}\n\nAssistant:"
            rows.writerow([prompt, f"c{i}", f"r{i}", 1, 0, 0, 1, i % 2, 0])
    report = research.build_hh_rlhf(scored, tmp_path / "out", seed=123)
    check_boundary(report, tmp_path / "out", expected)


def test_the_split_boundary_of_ultrafeedback(golden, tmp_path):
    expected = golden("builder_split_boundary")[1]["expected"]
    names = ("instruction_following", "honesty", "truthfulness", "helpfulness")
    records = [
        {
            "instruction": f"q{k}",
            "completions": [
                {
                    "response": f"r{k}_{m}",
                    "annotations": {
                        name: {"Rating": str(1 + (7 * k + 3 * m + 5 * z) % 5)}
                        for z, name in enumerate(names)
                    },
                }
                for m in range(4)
            ],
        }
        for k in range(2600)
    ]
    one = {"instruction": "t", "completions": [{"response": "x", "annotations": {}}]}
    report = research.build_ultrafeedback(
        json_lines(tmp_path / "train.jsonl", records),
        tmp_path / "out",
        seed=77,
        test=json_lines(tmp_path / "test.jsonl", [one]),
    )
    check_boundary(report, tmp_path / "out", expected)


def check_boundary(report, output, expected):
    assert report.output == expected["stdout"]
    for name, digest in expected["sha256_of_json_dumps"].items():
        text = (output / name).read_text()
        items = json.loads(text)
        assert len(items) == expected["counts"][name]
        assert [item["id"] for item in items[:20]] == expected["first_ids"][name][:20]
        assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("prompt,chosen_response\nq,a\n")
    with pytest.raises(DataError, match="lacks the columns rejected_response, chosen_score1"):
        research.build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=0)
