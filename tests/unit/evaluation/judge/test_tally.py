"""Verdicts counted: what a table and a plot then show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.evaluation.judge.tally import Judged, gains, same_text, tallies

OUTCOMES = ("win", "tied", "lose", "invalid", "error", "absent")


def pairs(*outcomes, comparison="aligned against original", texts=("an edit", "a draft")):
    return [
        Judged(row, comparison, "harmless", *texts, outcome) for row, outcome in enumerate(outcomes)
    ]


def tally_of(judged):
    return tallies(judged)["aligned against original"]["harmless"]


def test_ties_hide_no_win():
    same = pairs(*["tied"] * 52, texts=("a draft", "a draft"))
    tally = tally_of([*pairs(*["win"] * 26, "lose", "tied"), *same])
    assert (tally["wins"], tally["ties"], tally["losses"], tally["identical"]) == (26, 53, 1, 52)
    assert tally["net"] == pytest.approx(25 / 80)
    assert tally["net_interval"][0] > 0
    assert tally["net_different"] == pytest.approx(25 / 28)
    assert tally["win_rate"] == pytest.approx(26 / 80)  # Algorithm 2 of the paper
    assert tally["research_ratio"] == pytest.approx(79 / 80)


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1))
def test_every_pair_is_counted_once(outcomes):
    tally = tally_of(pairs(*outcomes))
    names = ("wins", "ties", "losses", "invalid", "errors", "absent")
    assert [tally[name] for name in names] == [outcomes.count(kind) for kind in OUTCOMES]
    judged = sum(tally[name] for name in names[:3])
    assert (tally["net"] is None) == (judged == 0)
    if judged:
        assert tally["net"] == pytest.approx((tally["wins"] - tally["losses"]) / judged)


def test_what_could_not_be_judged_has_no_rate():
    tally = tally_of(pairs("invalid", "error", "absent"))
    for name in ("net", "net_interval", "net_different", "win_rate", "interval", "length"):
        assert tally[name] is None


def test_gains_pair_the_rows():
    judged = [
        *pairs("win", "lose", "win", "invalid", comparison="aligned against golden"),
        *pairs("lose", "lose", "win", "win", comparison="original against golden"),
    ]
    gain = gains(judged)["harmless"]
    assert gain["rows"] == 3
    assert gain["gain"] == pytest.approx(1 / 3)
    assert gains(judged[:4]) == {}


def test_white_space_around_is_no_difference():
    assert same_text(" a\n", "a")
    assert not same_text("a b", "a  b")
    assert not same_text(None, None)
