"""A run of a judge: both orders, ties without a call, and comparisons that the file has."""

import json

import pytest

from langchain_metaaligner.errors import CallError, DataError, SettingError
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.judge.win_rates import (
    COMPARISONS,
    estimate_comparisons,
    judge_answers,
    pairs_to_judge,
)

EDITED = Answers("Why?", None, "You fool. It scatters.", "It scatters.")
UNCHANGED = Answers("Why?", None, "It scatters.", "It scatters.\n")
AGAINST_ORIGINAL = "aligned against original"


def tally_of(result, comparison=AGAINST_ORIGINAL, objective="harmless"):
    return result.figures["comparisons"][comparison][objective]


def test_the_same_text_is_a_tie_without_a_call(make_judge, tmp_path):
    judge, estimates, shown = make_judge(), [], []
    rows = [EDITED, *[UNCHANGED] * 53, EDITED]
    result = judge_answers(
        rows, ["harmless"], judge, tmp_path, before=estimates.append, progress=shown.append
    )
    tally = tally_of(result)
    assert (tally["wins"], tally["ties"], tally["losses"]) == (2, 53, 0)
    assert tally["identical"] == 53
    assert len(judge.model.asked) == 2  # two orders; the two rows are equal
    assert result.figures["calls"] == {
        "asked": 2, "errors": 0, "tokens_in": 200, "tokens_out": 4, "failures": {},
    }  # fmt: skip
    assert estimates[0].calls == sum(shown) == 2


def test_the_research_asks_for_them_too(make_judge, tmp_path):
    judge = make_judge(lambda text: "1")
    judge_answers([UNCHANGED], ["harmless"], judge, tmp_path, research_compat=True)
    assert len(judge.model.asked) == 1


def test_comparisons_without_rows_are_left_out(make_judge, tmp_path):
    result = judge_answers([EDITED], ["harmless"], make_judge(), tmp_path)
    assert list(result.figures["comparisons"]) == [AGAINST_ORIGINAL]
    golden = Answers("Why?", "Light scatters.", "So.", None)
    result = judge_answers([EDITED, golden], ["harmless"], make_judge(), tmp_path / "other")
    assert list(result.figures["comparisons"]) == ["original against golden", AGAINST_ORIGINAL]
    assert tally_of(result)["absent"] == 1


def test_comparisons_by_name(make_judge, tmp_path):
    with pytest.raises(SettingError, match="Did you mean 'aligned against golden'"):
        pairs_to_judge([EDITED], ["harmless"], ["aligned vs golden"])
    pairs = pairs_to_judge([EDITED], ["harmless"], [*COMPARISONS])
    assert [pair.positions for pair in pairs] == [(), (), (1, 2)]


def test_no_two_responses_anywhere(make_judge):
    with pytest.raises(DataError, match="No row has two responses"):
        pairs_to_judge([Answers("Why?", None, "So.", None)], ["harmless"])


def test_a_judge_that_names_the_first_every_time_says_nothing(make_judge, tmp_path):
    result = judge_answers([EDITED], ["harmless"], make_judge(lambda text: "1"), tmp_path)
    assert (tally_of(result)["wins"], tally_of(result)["ties"]) == (0, 1)


@pytest.mark.parametrize("closing", ["<think>{}</think>\n\n{}", "{}</think>{}"])
def test_a_judge_that_thinks_aloud_is_read(make_judge, tmp_path, closing):
    def reply(text):
        better = "1" if text.index("You fool") > text.index("RESPONSE 2") else "2"
        return closing.format("Response 1 or 2? Neither is 10 of 10.", f"**{better}**")

    result = judge_answers([EDITED], ["harmless"], make_judge(reply), tmp_path)
    assert (tally_of(result)["wins"], tally_of(result)["invalid"]) == (1, 0)


def test_an_unusable_order_spoils_the_pair(make_judge, tmp_path):
    replies = iter(["1", "I would rather not."])
    judge = make_judge(lambda text: next(replies), concurrency=1)
    result = judge_answers([EDITED], ["harmless"], judge, tmp_path)
    assert tally_of(result)["invalid"] == 1
    (row,) = result.rows()
    assert row["replies"] == ["1", "I would rather not."]
    assert (row["outcome"], row["positions"]) == ("invalid", [1, 2])


def test_a_run_that_was_ended_goes_on(make_judge, tmp_path):
    rows = [Answers(f"Why {n}?", None, "A long, long draft.", "An edit.") for n in range(20)]

    def breaks(text):
        if "Why 10?" in text:
            raise SettingError("The account is empty.")
        return "0"

    with pytest.raises(CallError, match="The account is empty"):
        judge_answers(rows, ["harmless"], make_judge(breaks, concurrency=1), tmp_path)
    assert not (tmp_path / "result.json").exists()
    known = len((tmp_path / "judge.ledger.jsonl").read_text().splitlines())
    judge = make_judge(lambda text: "0")
    result = judge_answers(rows, ["harmless"], judge, tmp_path)
    assert len(judge.model.asked) == 40 - known + 1  # a failure is a line too
    assert tally_of(result)["ties"] == 20


def test_an_estimate_without_a_judge(make_judge, tmp_path):
    pairs = pairs_to_judge([EDITED, UNCHANGED], ["harmless", "helpful"])
    settings = {"judge": "scripted", "dataset": "UltraFeedback", "research_compat": False}
    assert estimate_comparisons(pairs, tmp_path, settings).calls == 4
    judge_answers([EDITED], ["harmless"], make_judge(), tmp_path)
    estimate = estimate_comparisons(pairs, tmp_path, settings)
    assert (estimate.calls, estimate.known) == (2, 2)


def test_rows_tell_where_they_are_from(make_judge, tmp_path):
    row = Answers("Why?", None, "A long draft.", "An edit.", "DR.csv")
    result = judge_answers([row], ["harmless"], make_judge(), tmp_path)
    assert json.loads((tmp_path / "rows.jsonl").read_text())["source"] == "DR.csv"
    assert next(result.rows())["first"] == "An edit."
