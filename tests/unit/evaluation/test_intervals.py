"""Intervals and corrections: what they say of figures whose answer is known."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from langchain_metaaligner.evaluation.intervals import (
    Z,
    bootstrap,
    length_controlled,
    net_win,
    quartiles,
    standard_error,
    wilson,
)

SCORES = st.lists(st.floats(0, 10), min_size=1, max_size=30)


def test_one_z_for_all():
    assert pytest.approx(1.959964, abs=1e-6) == Z


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 7), (8, 10), (10, 10), (500, 1000)])
def test_wilson_is_scipy_s(hits, n):
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high))


def test_of_nothing_nothing_is_known():
    assert wilson(0, 0) is None
    assert net_win(0, 0, 0) is None
    assert bootstrap([]) is bootstrap([1.0]) is None
    assert quartiles([]) is None
    assert length_controlled([], []) is None


def test_twenty_six_wins_and_one_loss_are_a_win():
    net, (low, high) = net_win(26, 53, 1)
    assert net == 25 / 80
    assert 0 < low < net < high


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_net_mirrors_and_its_interval_is_never_a_point(wins, ties, losses):
    if not wins + ties + losses:
        return
    net, (low, high) = net_win(wins, ties, losses)
    mirrored, (other_low, other_high) = net_win(losses, ties, wins)
    assert (net, low, high) == pytest.approx((-mirrored, -other_high, -other_low))
    assert -1 <= low < high <= 1


def test_the_net_interval_covers_the_truth():
    chance = random.Random(0)
    covered = 0
    for _ in range(400):
        drawn = chance.choices(("win", "tie", "lose"), (0.3, 0.5, 0.2), k=60)
        _, (low, high) = net_win(*(drawn.count(kind) for kind in ("win", "tie", "lose")))
        covered += low <= 0.1 <= high
    assert covered >= 0.92 * 400


@given(SCORES)
def test_quartiles_stay_within_the_scores(scores):
    low, middle, high = quartiles(scores)
    assert min(scores) <= low <= middle <= high <= max(scores)


def test_the_bootstrap_is_the_same_each_time_and_covers_the_mean():
    chance = random.Random(0)
    values = [chance.gauss(5, 2) for _ in range(300)]
    low, high = bootstrap(values)
    assert (low, high) == bootstrap(values)
    assert low < sum(values) / 300 < high
    assert high - low == pytest.approx(2 * Z * standard_error(values), rel=0.15)


def test_the_bootstrap_of_many_rows_takes_no_minute():
    start = time.perf_counter()
    bootstrap([float(n % 7) for n in range(20_000)])
    assert time.perf_counter() - start < 30  # in pure Python on a busy machine it took minutes


def test_length_alone_gains_nothing():
    outcomes, lengths = [1.0, 0.0] * 40, [100.0, -100.0] * 40
    assert length_controlled(outcomes, lengths) == pytest.approx(0.5, abs=0.02)
    assert length_controlled([1.0] * 30 + [0.0] * 10, [0.0] * 40) == pytest.approx(0.75, abs=0.02)
    assert length_controlled([1.0, 0.5, 0.5], [1.0, 2.0, 3.0]) is None  # no loss, no regression
