"""The research scripts' data sets, byte for byte (golden cases that the scripts produced)."""

import csv
import hashlib
import json

import pandas as pd
import pytest

from langchain_metaaligner.data import build_hh_rlhf, build_ultrafeedback
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
    cases = golden("hh_rlhf_builder")
    assert len(cases) == 24
    for number, case in enumerate(cases):
        given, expected = case["input"], case["expected"]
        scored, output = tmp_path / f"{number}.csv", tmp_path / str(number)
        pd.DataFrame(given["rows"], columns=COLUMNS).to_csv(scored, index=False)
        report = build_hh_rlhf(
            scored, output, seed=given["random_seed"], split=given["split"], research_compat=True
        )
        assert report.output == expected["stdout"], given["note"]
        assert written(output, expected["files"]) == expected["files"], given["note"]


def test_ultrafeedback(golden, tmp_path):
    cases = golden("ultrafeedback_builder")
    assert len(cases) == 21
    for number, case in enumerate(cases):
        given, expected = case["input"], case["expected"]
        output = tmp_path / str(number)
        report = build_ultrafeedback(
            json_lines(tmp_path / "train.jsonl", given["train"]),
            output,
            seed=given["random_seed"],
            test=json_lines(tmp_path / "test.jsonl", given["test"]),
            research_compat=True,
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
    report = build_hh_rlhf(scored, tmp_path / "out", seed=123, research_compat=True)
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
    report = build_ultrafeedback(
        json_lines(tmp_path / "train.jsonl", records),
        tmp_path / "out",
        seed=77,
        test=json_lines(tmp_path / "test.jsonl", [one]),
        research_compat=True,
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
        build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=0, research_compat=True)


def test_backslashes_stay_doubled_as_in_the_script(tmp_path):
    row = ["q", r"C:\new", "no", 1, 0, 0, 0, 0, 0]
    pd.DataFrame([row], columns=COLUMNS).to_csv(tmp_path / "a.csv", index=False, escapechar="\\")
    targets = {}
    for compat in (False, True):
        build_hh_rlhf(
            tmp_path / "a.csv", tmp_path / "out", seed=0, split="test", research_compat=compat
        )
        (item,) = json.loads((tmp_path / "out" / "no_equal" / "test.json").read_text())
        targets[compat] = item["conversations"][1]["value"]
    assert targets == {False: r"C:\new", True: r"C:\\new"}


def test_what_the_script_leaves_out_is_counted(tmp_path):
    rows = [["q", "", "no", 1, 0, 0, 0, 0, 0], ["q", "None", "no", 1, 0, 0, 0, 0, 0]]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "a.csv", index=False)
    report = build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=0, research_compat=True)
    assert [(one.kind, one.line) for one in report.problems.all] == [
        ("empty answer", 1),
        ("empty answer", 2),
    ]
    with pytest.raises(DataError, match="line 1: empty answer"):
        build_hh_rlhf(
            tmp_path / "a.csv", tmp_path / "out", seed=0, research_compat=True, on_problem="raise"
        )


def test_no_table_at_all(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'prompt,chosen_response\n"q,\xff\n')
    with pytest.raises(DataError, match=r"a.csv is no table that pandas reads"):
        build_hh_rlhf(tmp_path / "a.csv", tmp_path / "out", seed=0, research_compat=True)
