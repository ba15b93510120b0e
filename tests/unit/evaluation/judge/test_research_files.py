"""The tables that the research's scripts leave."""

import pandas

from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.judge.ratings import rate_answers
from langchain_metaaligner.evaluation.judge.research_files import write_predictions, write_ratings
from langchain_metaaligner.evaluation.judge.win_rates import judge_answers

ROWS = [Answers("Why?", "Light.", "So.", "It scatters."), Answers("How?", "g", None, "x\\y")]


def test_a_table_for_each_target(make_judge, tmp_path):
    judge = make_judge(lambda text: "Response 1")
    result = judge_answers(ROWS, ["correct"], judge, tmp_path, dataset="IMHI", research_compat=True)
    lines = list(write_predictions(result, "DR"))
    assert [line.partition(",")[0] for line in lines] == ["Model: DR"] * 2
    table = pandas.read_csv(
        tmp_path / "GPT4_predictions_aligned_output_correct" / "DR.csv", escapechar="\\"
    )
    assert table["output"].tolist() == ["It scatters.", "x\\y"]
    assert set(table["GPT4_prediction"]) == {"Response 1"}
    assert set(table["random_position_seeds"]) <= {1, 2}


def test_objectives_that_are_no_file_names(make_judge, tmp_path):
    judge = make_judge(lambda text: "1")
    objective = "Concise/short: it fits in a line"
    result = judge_answers(ROWS, [objective], judge, tmp_path, research_compat=True)
    assert len(list(write_predictions(result, "DR"))) == 2
    folders = [path for path in tmp_path.iterdir() if path.name.startswith("GPT4")]
    assert [path.is_dir() and (path / "DR.csv").is_file() for path in folders] == [True, True]
    assert not any(set(":/") & set(path.name) for path in folders)


def test_ratings_in_two_variants(make_judge, tmp_path):
    result = rate_answers(
        ROWS, ["honest"], make_judge(lambda text: "Score: 7"), tmp_path, research_compat=True
    )
    write_ratings(result, "DR")
    table = pandas.read_csv(tmp_path / "GPT4_ratings_allaspects" / "DR.csv")
    assert table["honest"].tolist() == ["Score: 7"] * 2
    table = pandas.read_csv(tmp_path / "GPT4_ratings_none" / "DR.csv")
    assert table["honest"].isna().tolist() == [False, True]
