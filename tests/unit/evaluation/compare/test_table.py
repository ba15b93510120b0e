"""The table of a comparison."""

from langchain_metaaligner.evaluation.compare.table import (
    comparison_columns,
    comparison_columns_by_system,
    comparison_markdown,
    comparison_rows,
)
from langchain_metaaligner.evaluation.results import write_result

TALLY = {"wins": 26, "ties": 53, "losses": 1, "net": 0.3125, "net_interval": [0.2, 0.41]}


def result_of(folder, judged):
    system = {
        "win": {"humor": 0.25}, "interval": {"humor": [0.1, 0.5]}, "win_mean": 0.25,
        "reward": {"humor": -1.5}, "reward_mean": -1.5, "empty": 2,
        "seconds": {"cuda": 7200.0, "cpu": 3.0}, "judged": judged,
    }  # fmt: skip
    golden = {"reward": {"humor": None}, "reward_mean": None}
    figures = {"systems": {"a|b": system}, "golden": golden}
    return write_result(
        folder, "compare", {"objectives": ["humor"], "systems": ["a|b"]}, figures, []
    )


def test_every_figure_has_its_column(tmp_path):
    result = result_of(tmp_path, {"humor": TALLY})
    row, golden = comparison_rows(result)
    assert dict(zip(comparison_columns(result), row, strict=True)) == {
        "system": "a|b",
        "humor wins": "25.0 (10–50)",
        "mean wins": "25.0",
        "humor judged": "26/53/1: +31.2 (+20 to +41)",
        "humor reward": "-1.500",
        "mean reward": "-1.500",
        "empty": "2",
        "training": "3.0 s CPU, 2.00 h GPU",
    }
    assert golden == ["golden", *[""] * 7]


def test_without_a_judge_there_is_no_column_for_it(tmp_path):
    result = result_of(tmp_path, None)
    assert "humor judged" not in comparison_columns(result)
    head, rows = comparison_columns_by_system(result)
    assert head == ["", "a|b", "golden"]
    assert [row[0] for row in rows] == comparison_columns(result)[1:]


def test_cells_do_not_break_the_markdown(tmp_path):
    lines = comparison_markdown(result_of(tmp_path, None)).splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {8}
