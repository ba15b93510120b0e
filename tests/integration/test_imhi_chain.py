"""From IMHI's test sets to figures: a folder goes in and a folder comes out of each command."""

import pandas
import pytest
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.results import read_result

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def test_sets(tmp_path):
    folder = tmp_path / "test_instruction"
    folder.mkdir()
    for name, golden in (("DR", "No. Reasoning: fine."), ("SAD", "School. Reasoning: exams.")):
        query = 'Consider this post: "I passed." Question: What about it?'
        rows = {"query": [f"{query} {n}" for n in range(2)], "gpt-3.5-turbo": golden}
        pandas.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


def run(*words, code=0):
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_generate_align_and_evaluate(test_sets, tmp_path):
    model = ("--model", "mini", "--device", "cpu", "--max-new-tokens", "12")
    answers, aligned = tmp_path / "answers", tmp_path / "aligned"
    run("generate", "--dataset", "imhi", "--input", test_sets, "--output", answers, *model)
    words = (answers, "--output", aligned, "-O", "correct", "--template", "IMHI", *model)
    run("align-file", *words)
    assert sorted(path.name for path in aligned.glob("*.csv")) == ["DR.csv", "SAD.csv"]
    assert "aligned_responses" in pandas.read_csv(aligned / "SAD.csv").columns
    run("evaluate", "imhi", aligned, "--output", tmp_path / "run")
    assert set(read_result(tmp_path / "run").figures["datasets"]) == {"DR", "SAD"}


def test_a_folder_is_not_written_into_itself(test_sets, tmp_path):
    with pytest.raises(SettingError, match="cannot take the files of the folder"):
        run("align-file", test_sets, "--output", test_sets, "-O", "correct")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no rows"):
        run("align-file", tmp_path / "empty", "--output", tmp_path / "o", "-O", "correct")
