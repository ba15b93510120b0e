"""Who is decoded with whom, and in which order."""

import pytest
import torch

from langchain_metaaligner.decode.scheduler import Scheduler


class Row:
    """A row that takes so many steps; it may break the pass that it is in."""

    def __init__(self, name, length=1, steps=1, breaks=None):
        self.name, self.length, self.steps, self.breaks = name, length, steps, breaks
        self.room = 0

    @property
    def tokens(self):
        return [0] * self.length

    @property
    def open(self):
        return self.steps > 0

    def __repr__(self):
        return self.name


class Loop:
    """Counts a step off every row; ``memory`` rows fit."""

    def __init__(self, passes, memory=None):
        self.rows, self.passes, self.memory = [], passes, memory

    def admit(self, rows):
        self.rows += rows
        return []

    def step(self):
        self.passes.append("".join(row.name for row in self.rows))
        if self.memory is not None and len(self.rows) > self.memory:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        for row in self.rows:
            if row.breaks:
                raise row.breaks
        for row in self.rows:
            row.steps -= 1
        done = [row for row in self.rows if not row.open]
        self.rows = [row for row in self.rows if row.open]
        return done

    def drop(self, row):
        self.rows.remove(row)

    def room(self, length):
        return None


@pytest.fixture
def passes():
    return []


def run(scheduler):
    settled = []
    while scheduler.busy:
        settled += scheduler.turn()
    return settled


def test_the_longest_of_a_caller_goes_first(passes):
    scheduler = Scheduler(lambda: Loop(passes), 2)
    scheduler.put([Row("a", 1), Row("c", 3), Row("b", 2)])
    run(scheduler)
    assert passes == ["cb", "a"]


def test_callers_take_turns(passes):
    scheduler = Scheduler(lambda: Loop(passes), 1)
    scheduler.put([Row("a"), Row("a"), Row("a")])
    scheduler.put([Row("b")])
    run(scheduler)
    assert passes == ["a", "b", "a", "a"]


def test_who_has_not_begun_joins_at_once(passes):
    scheduler = Scheduler(lambda: Loop(passes), 8)
    scheduler.put([Row("a", steps=3)])
    scheduler.turn()
    scheduler.put([Row("b")])
    run(scheduler)
    assert passes == ["a", "ab", "a"]


def test_a_dropped_row_is_not_decoded(passes):
    scheduler = Scheduler(lambda: Loop(passes), 1)
    active, waiting = Row("a", 2, steps=9), Row("b")
    scheduler.put([active, waiting])
    scheduler.turn()
    scheduler.drop(waiting)
    scheduler.drop(active)
    scheduler.put([Row("c")])
    assert [row.name for row, _ in run(scheduler)] == ["c"]
    assert passes == ["a", "c"]


def test_a_row_that_breaks_its_pass_fails_alone(passes):
    scheduler = Scheduler(lambda: Loop(passes), 8)
    scheduler.put([Row("a", 3), Row("x", 2, breaks=ValueError("x")), Row("c", 1)])
    errors = {row.name: error for row, error in run(scheduler)}
    assert (errors["a"], errors["c"]) == (None, None)
    assert isinstance(errors["x"], ValueError)


def test_where_memory_is_short_fewer_rows_go_together(passes):
    scheduler = Scheduler(lambda: Loop(passes, memory=2), 8)
    scheduler.put([Row(name) for name in "abcdef"])
    assert all(error is None for _, error in run(scheduler))
    assert [len(one) for one in passes][:2] == [6, 3]
    assert max(len(one) for one in passes[2:]) <= 2


def test_one_row_that_does_not_fit_is_its_own_error(passes):
    scheduler = Scheduler(lambda: Loop(passes, memory=0), 8)
    scheduler.put([Row("a")])
    ((_, error),) = run(scheduler)
    assert isinstance(error, torch.cuda.OutOfMemoryError)
