"""A judge beside the reward models."""

import pytest

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.compare.judged import judged_wins


def write(path, answer):
    path.write_text(f"question,goldens,response\nHow?,A golden answer.,{answer}\n")
    return path


def test_names_of_systems_are_no_paths(make_judge, tmp_path):
    files = {
        name: write(tmp_path / f"{n}.csv", "Short.")
        for n, name in enumerate(("../../up", "a/b", "org:model", ".."))
    }
    output = tmp_path / "deep" / "out"
    judged = judged_wins(files, ["helpful"], make_judge(), output)
    assert {name: its["helpful"]["wins"] for name, its in judged.items()} == dict.fromkeys(files, 1)
    folders = list((output / "judged").iterdir())
    assert len(folders) == len(files)
    assert all((folder / "result.json").is_file() for folder in folders)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.csv", "1.csv", "2.csv", "3.csv", "deep",
    ]  # fmt: skip


def test_the_golden_answer_itself_is_a_tie_without_a_call(make_judge, tmp_path):
    judge, calls = make_judge(), []
    files = {"copy": write(tmp_path / "a.csv", "A golden answer.")}
    judged = judged_wins(files, ["helpful"], judge, tmp_path / "out", progress=calls.append)
    assert judged["copy"]["helpful"]["ties"] == 1
    assert judge.model.asked == calls == []


def test_files_without_golden_answers_are_refused(make_judge, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,response\nHow?,So.\n")
    with pytest.raises(DataError, match="the golden ones in one of: goldens"):
        judged_wins({"a": path}, ["helpful"], make_judge(), tmp_path / "out")
