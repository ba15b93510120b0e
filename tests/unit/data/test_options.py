"""The options that all builders share."""

import pytest

from langchain_metaaligner.data.options import BuildOptions
from langchain_metaaligner.errors import DataError


def test_keywords_stand_for_an_object_and_change_one():
    assert BuildOptions.of(None, {"seed": 3, "warm_up": 0.5}) == BuildOptions(3, warm_up=0.5)
    assert BuildOptions.of(BuildOptions(3), {"split": "test"}) == BuildOptions(3, "test")
    with pytest.raises(TypeError, match="sed"):
        BuildOptions.of(None, {"sed": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"split": "tets"}, "Did you mean 'test'"), ({"warm_up": 1.5}, "warm_up=1.5 is no share")],
)
def test_what_cannot_work_is_refused_at_once(settings, message):
    with pytest.raises(DataError, match=message):
        BuildOptions(seed=0, **settings)


def test_problems_go_into_the_outputs_log(tmp_path):
    problems = BuildOptions(seed=0).problems(tmp_path / "out", ["a.csv"])
    problems.found("broken line", "a.csv", 3, "…")
    problems.flush()
    assert '"line": 3' in (tmp_path / "out" / "problems.jsonl").read_text()
