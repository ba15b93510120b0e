"""Fronts of systems, and their files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.evaluation.compare.pareto import front, plot_fronts
from langchain_metaaligner.evaluation.results import write_result

POINTS = st.dictionaries(
    st.text(min_size=1), st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8
)


@given(POINTS)
def test_nobody_beats_the_front_and_it_beats_the_rest(points):
    best = front(points)
    assert best

    def beats(one, other):
        return one != other and one[0] >= other[0] and one[1] >= other[1]

    for name, point in points.items():
        assert (name in best) != any(beats(other, point) for other in points.values())


@pytest.mark.parametrize(
    "objectives", [("harmless", "helpful"), ("a/b", "c: d?"), ("../up", "con")]
)
def test_any_objective_has_a_file(tmp_path, objectives):
    rewards = {name: float(place) for place, name in enumerate(objectives)}
    figures = {
        "reward": rewards, "standard_error": dict.fromkeys(objectives, 0.1), "reward_mean": 0.5,
    }  # fmt: skip
    result = write_result(
        tmp_path / "out", "compare", {"objectives": list(objectives), "systems": ["x"]},
        {"systems": {"x": figures}, "golden": {"reward": rewards}}, [],
    )  # fmt: skip
    (path,) = plot_fronts(result)
    assert path.parent == tmp_path / "out"
    assert path.name.startswith("pareto-")
    assert "<svg" in path.read_text()
    assert plot_fronts(result) == [path]
