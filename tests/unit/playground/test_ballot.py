"""A blind vote, and what it comes to."""

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_metaaligner.evaluation.intervals import net_win, wilson
from langchain_metaaligner.playground.ballot import Answered, make_ballot

ROWS = [
    Answered(row, f"Question {row}?", {"draft": f"Draft {row}.", "mini": f"Edit {row}."})
    for row in range(1, 41)
]
SAME = Answered(41, "Question 41?", {"draft": "Fine.", "mini": "Fine."})


def side_of(pair, system):
    return "left" if pair.left == system else "right"


def test_every_pair_is_shown_once_and_no_author_is_told_by_its_side():
    ballot = make_ballot([*ROWS, SAME], seed=3)
    assert sorted(pair.answered.row for pair in ballot.pairs) == list(range(1, 41))
    assert [pair.answered.row for pair in ballot.pairs] != list(range(1, 41))
    left = sum(pair.left == "mini" for pair in ballot.pairs)
    assert 8 <= left <= 32  # by chance once in 20,000 ballots otherwise
    for pair in ballot.pairs:
        texts = pair.answered.answers
        assert pair.texts == (texts[pair.left], texts[pair.right])


def test_another_ballot_has_another_order():
    orders = {tuple(pair.answered.row for pair in make_ballot(ROWS).pairs) for _ in range(3)}
    assert len(orders) == 3


def test_votes_are_counted_for_the_system_and_not_for_the_side():
    ballot = make_ballot([*ROWS, SAME], seed=1)
    for number in range(40):
        pair = ballot.current
        wanted = "mini" if number < 25 else "draft" if number < 33 else None
        ballot = ballot.vote(side_of(pair, wanted) if wanted else "equal")
    assert ballot.current is None
    assert ballot.vote("left") is ballot
    (tally,) = ballot.tallies()
    assert (tally.first, tally.second) == ("draft", "mini")
    assert (tally.wins, tally.equal, tally.losses, tally.same) == (8, 7, 25, 1)
    assert tally.win_rate == pytest.approx(8 / 33)
    assert tally.interval == wilson(8, 33)
    assert tally.net == net_win(8, 8, 25)
    assert tally.net[1][1] < 0


def test_a_vote_can_be_undone():
    ballot = make_ballot(ROWS, seed=1)
    voted = ballot.vote("left").vote("equal")
    assert voted.undone().current is ballot.pairs[1]
    assert voted.undone().undone().undone() == ballot


def test_without_votes_there_is_no_rate():
    (tally,) = make_ballot(ROWS).tallies()
    assert tally.win_rate is None
    assert tally.interval is None
    assert tally.net is None


def test_three_systems_make_three_tallies():
    rows = [Answered(1, "Why?", {"a": "A.", "b": "B.", "c": "B."})]
    ballot = make_ballot(rows, seed=1)
    assert len(ballot.pairs) == 2
    while ballot.current:
        ballot = ballot.vote(side_of(ballot.current, "a"))
    assert [(one.first, one.second, one.wins, one.same) for one in ballot.tallies()] == [
        ("a", "b", 1, 0),
        ("a", "c", 1, 0),
        ("b", "c", 0, 1),
    ]


def test_the_file_of_votes_says_who_was_preferred():
    ballot = make_ballot(ROWS[:2], seed=1)
    first, _second = ballot.pairs
    rows = list(ballot.vote(side_of(first, "mini")).vote("equal").rows())
    assert [row["preferred"] for row in rows] == ["mini", None]
    assert rows[0]["row"] == first.answered.row
    assert {rows[1]["left"], rows[1]["right"]} == {"draft", "mini"}
    assert rows[0]["left_answer"] == first.texts[0]


def test_no_rows_no_pairs():
    ballot = make_ballot([])
    assert ballot.current is None
    assert ballot.tallies() == []
