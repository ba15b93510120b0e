"""What passes cost, what guesses are worth, and how many of them pay off."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.decode.pace import (
    SIDES,
    STEADY,
    Costs,
    Pace,
    Record,
    best_numbers,
    faded,
    rounded_up,
)


def paced(fixed, each):
    pace = Pace()
    for tokens in (1, 8, 64, 512):
        for _ in range(2):
            pace.passed(tokens, fixed + each * tokens)
    return pace


def recorded(pace, right):
    """The record of a row whose guesses were all right, or all wrong."""
    record = Record(pace)
    for _ in range(60):
        for foretold in range(STEADY + 1):
            record.verified(foretold, int(right), 1)
    return record


class TestNumbers:
    def test_are_none_where_guesses_are_wrong(self):
        pace = paced(0.001, 0.001)
        reaches = recorded(pace, False).reaches(STEADY, 63)
        assert best_numbers([reaches] * 8, pace.costs) == [0] * 8

    def test_are_all_where_guesses_are_right_and_a_pass_costs_little(self):
        pace = paced(0.01, 0.00001)
        assert best_numbers([recorded(pace, True).reaches(STEADY, 63)], pace.costs) == [63]

    def test_are_none_where_every_token_costs_as_much_as_a_pass(self):
        pace = paced(0.0, 0.001)
        reaches = [0.5**depth for depth in range(1, 8)]
        assert best_numbers([reaches], pace.costs) == [0]

    def test_are_each_rows_own(self):
        pace = paced(0.01, 0.0005)
        sure = recorded(pace, True).reaches(STEADY, 40)
        lost = recorded(pace, False).reaches(STEADY, 40)
        many, few = best_numbers([sure, lost], pace.costs)
        assert many > 20
        assert few <= 1

    def test_of_rows_without_guesses_are_none(self):
        assert best_numbers([[], []], Costs()) == [0, 0]

    def test_of_a_side_are_none_where_it_is_unlikely(self):
        pace = paced(0.01, 0.0005)
        record = recorded(pace, True)
        for _ in range(60):
            pace.learned_side("place", True)
            pace.learned_side("shift", False)
        likely, unlikely = (record.side_reaches(kind, 20) for kind in ("place", "shift"))
        assert len(likely) == 20
        _, many, none = best_numbers([[], likely, unlikely], pace.costs, 1)
        assert many > 5
        assert none == 0

    @given(
        st.lists(st.lists(st.floats(0.01, 1), max_size=40), min_size=1, max_size=6),
        st.dictionaries(st.integers(1, 300).map(rounded_up), st.floats(1e-4, 1), max_size=8),
    )
    def test_bring_as_many_tokens_a_second_as_any(self, chances, seconds):
        """Trying every number finds none that is better."""
        pace = Pace()
        for tokens, cost in seconds.items():
            for _ in range(2):
                pace.passed(tokens, cost)
        reaches = [sorted(row, reverse=True) for row in chances]
        numbers = best_numbers(reaches, pace.costs)
        ranked = sorted((chance for row in reaches for chance in row), reverse=True)

        def speed(taken):
            return (len(reaches) + sum(ranked[:taken])) / pace.cost(len(reaches) + taken)

        best = max(map(speed, range(len(ranked) + 1)))
        chosen = speed(sum(numbers))
        assert chosen >= best - 1e-9 or (sum(numbers) == 0 and chosen * 1.05 >= best - 1e-9)
        assert all(0 <= n <= len(row) for n, row in zip(numbers, reaches, strict=True))


class TestRecord:
    @given(
        st.lists(
            st.tuples(st.integers(0, STEADY + 2), st.integers(0, 40), st.integers(0, 40)),
            max_size=6,
        )
    )
    def test_many_guesses_at_once_are_each_of_them(self, passes):
        at_once, one_by_one = Record(Pace()), Record(Pace())
        for foretold, right, guesses in passes:
            at_once.verified(foretold, right, guesses)
            for depth in range(min(right + 1, guesses)):
                one_by_one.verified(foretold + depth, int(depth < right), 1)
        for foretold in range(STEADY + 1):
            both = [record.reaches(foretold, 30) for record in (at_once, one_by_one)]
            assert both[0] == pytest.approx(both[1])

    @given(st.integers(0, STEADY), st.integers(0, 300))
    def test_reaches_fall_to_what_is_hopeless(self, foretold, most):
        reaches = Record(Pace()).reaches(foretold, most)
        assert len(reaches) <= most
        assert reaches == sorted(reaches, reverse=True)
        assert all(0.01 <= reach <= 1 for reach in reaches)

    def test_what_is_faded_is_faded_step_by_step(self):
        known = step = (3.0, 7.0)
        for _ in range(5):
            step = faded(step, True, 1, 0.9)
        assert faded(known, True, 5, 0.9) == pytest.approx(step)


class TestPace:
    def test_kinds_of_sides_begin_as_measured_and_are_learned(self):
        pace = Pace()
        assert {kind: pace.side_chance(kind) for kind in SIDES} == SIDES
        for _ in range(30):
            pace.learned_side("far", False)
        assert pace.side_chance("far") < SIDES["far"] / 3
        assert pace.side_chance("place") == SIDES["place"]

    @given(st.lists(st.tuples(st.integers(1, 5000), st.floats(1e-6, 1)), max_size=30))
    def test_costs_are_positive_and_do_not_fall(self, passes):
        pace = Pace()
        for tokens, seconds in passes:
            pace.passed(tokens, seconds)
        costs = [pace.cost(tokens) for tokens in (1, 2, 7, 100, 5000, 9999)]
        assert all(cost > 0 for cost in costs)
        assert costs == pytest.approx(sorted(costs))

    def test_the_first_pass_of_a_size_does_not_count(self):
        pace = Pace()
        for seconds in (9.0, 0.2):
            pace.passed(8, seconds)
        assert pace.cost(8) == 0.2

    def test_a_size_that_does_not_occur_any_more_is_forgotten(self):
        pace = Pace()
        for _ in range(2):
            pace.passed(8, 5.0)
        for _ in range(80):
            pace.passed(64, 1.0)
        assert pace.cost(8) < 1.0

    def test_chances_follow_what_came_true(self):
        pace = Pace()
        before = pace.chance(2)
        for _ in range(50):
            pace.learned(2, False)
        assert pace.chance(2) < before / 2
        assert pace.chance(99) == pace.chance(STEADY)

    def test_many_threads_measure_and_ask_at_once(self):
        """Sizes come and go all the while: nobody may see half of a change."""
        pace, before = Pace(), sys.getswitchinterval()
        barrier = threading.Barrier(6)

        def work(seed):
            barrier.wait()
            for step in range(2000):
                pace.passed(1 + (seed * 37 + step * 13) % 700, 1e-3)
                assert pace.cost(1 + step % 900) > 0
                pace.learned(step % 12, step % 3 > 0)
                assert 0 <= pace.chance(step % 12) <= 1

        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(work, range(6)))
        finally:
            sys.setswitchinterval(before)
