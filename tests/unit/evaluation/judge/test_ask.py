"""What a judge is asked is paid once, counted once, and estimated right."""

import pytest
from langchain_core.messages import HumanMessage

from langchain_metaaligner.errors import CallError, LedgerError
from langchain_metaaligner.evaluation.judge.ask import (
    Estimate,
    ask_all,
    call_figures,
    estimate,
    ledger_so_far,
)
from langchain_metaaligner.tables.ledger import Ledger

PROMPTS = [[HumanMessage(text * 40)] for text in ("a", "b", "a", "c", "a")]


def test_equal_prompts_are_asked_and_counted_once(make_judge, tmp_path):
    judge, shown = make_judge(lambda text: text[:1]), []
    with Ledger(tmp_path / "l.jsonl", {}) as ledger:
        assert estimate(PROMPTS, ledger) == Estimate(calls=3, known=0, tokens_in=30)
        replies = ask_all(judge, PROMPTS, ledger, progress=shown.append)
        assert estimate(PROMPTS, ledger) == Estimate(calls=0, known=3, tokens_in=0)
        again = ask_all(judge, PROMPTS, ledger, progress=shown.append)
    assert [reply.text for reply in replies] == [*"abaca"]
    assert [reply.text for reply in again] == [*"abaca"]
    assert len(judge.model.asked) == sum(shown) == 3
    for each in (replies, again):
        assert call_figures(each) == {
            "asked": 3, "errors": 0, "tokens_in": 300, "tokens_out": 6, "failures": {},
        }  # fmt: skip


def test_failures_are_counted_with_their_reasons(make_judge, tmp_path):
    def reply(text):
        if text.startswith("b"):
            raise ValueError("no idea")
        return "1"

    with Ledger(tmp_path / "l.jsonl", {}) as ledger:
        replies = ask_all(make_judge(reply, tries=1), PROMPTS, ledger)
    figures = call_figures(replies)
    assert (figures["asked"], figures["errors"]) == (3, 1)
    assert figures["failures"] == {"ValueError: no idea": 1}
    assert replies[1].text is None
    with Ledger(tmp_path / "l.jsonl", {}) as ledger:  # it is tried again
        assert ask_all(make_judge(lambda text: "2"), PROMPTS, ledger)[1].text == "2"


def test_an_estimate_makes_nothing(tmp_path):
    with ledger_so_far(tmp_path / "none" / "l.jsonl", {"judge": "j"}) as ledger:
        assert ledger is None
        assert estimate(PROMPTS, ledger).calls == 3
    assert not (tmp_path / "none").exists()


def test_an_estimate_knows_the_ledger_without_the_judge(make_judge, tmp_path):
    path, settings = tmp_path / "l.jsonl", {"judge": "j", "structured": True}
    with Ledger(path, settings) as ledger:
        ask_all(make_judge(lambda text: "1"), PROMPTS[:2], ledger)
    with ledger_so_far(path, {"judge": "j"}) as ledger:
        assert estimate(PROMPTS, ledger) == Estimate(calls=1, known=2, tokens_in=10)
    with pytest.raises(LedgerError, match="'j' there, 'other' here"):
        ledger_so_far(path, {"judge": "other"}).__enter__()


def test_a_model_that_reasons_in_blocks(make_judge, tmp_path):
    blocks = [{"type": "reasoning", "reasoning": "1 is curt"}, {"type": "text", "text": "2"}]
    with Ledger(tmp_path / "l.jsonl", {}) as ledger:
        (reply,) = ask_all(make_judge(lambda text: blocks), PROMPTS[:1], ledger)
    assert reply.text == "2"


def test_settings_hold_what_shapes_replies_and_no_secret(make_judge):
    plain = make_judge().settings("IMHI", research_compat=False)
    assert plain == {
        "judge": "scripted", "dataset": "IMHI", "research_compat": False, "structured": False,
    }  # fmt: skip
    options = {"api_key": "sk-1", "temperature": 0.7}
    settings = make_judge(structured=True, options=options).settings("IMHI", True)
    assert settings["options"] == {"temperature": 0.7}
    assert settings["structured"] is False  # the research's prompts never are
    assert "sk-1" not in str(settings)


def test_a_judge_that_refuses_its_key_ends_the_run(make_judge, tmp_path):
    class RefusedError(Exception):
        status_code = 401

    def reply(text):
        raise RefusedError("no such key")

    judge = make_judge(reply, concurrency=1)
    with Ledger(tmp_path / "l.jsonl", {}) as ledger, pytest.raises(CallError, match="no such key"):
        ask_all(judge, PROMPTS, ledger)
    assert len(judge.model.asked) == 1
