"""What the playground shows."""

import base64
import json
import re

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_metaaligner import Alignment, MetaAlignerRunnable
from langchain_metaaligner.objectives import Objective, parse_objectives
from langchain_metaaligner.playground import pages
from langchain_metaaligner.playground.ballot import Answered, Tally, make_ballot
from langchain_metaaligner.playground.chatting import Turn

ATTACK = "<img src=x onerror=alert(1)> & {{ 7 * 7 }}"
EDITED = Alignment(
    text="Boil it for nine minutes.",
    original="You fool. Boil it for nine minutes.",
    decision="edited",
    question="How?",
    objectives=("harmless",),
    model="mini",
    template="HH-RLHF",
    prompt_tokens=1031,
    completion_tokens=9,
    seconds=0.4321,
)


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_record_says_decision_change_time_and_tokens():
    page = pages.record_page(EDITED, "code()")
    text = text_of(page)
    assert "Edited" in text
    assert "0.43 s" in text
    assert "1,031 read, 9 written" in text
    assert "code()" in text
    (removed,) = re.findall(r"<del>(.*?)</del>", page, re.S)
    assert "You fool." in removed
    assert "[removed: " in removed
    assert "<table" not in page


def test_a_kept_draft_says_why_and_shows_the_edit():
    kept = Alignment(
        text="Draft.",
        original="Draft.",
        decision="kept",
        reason="looping",
        detail="The edit says the same again and again.",
        rejected="So. So. So.",
    )
    text = text_of(pages.record_page(kept, ""))
    assert "Draft kept looping The edit says the same again and again." in text
    assert "So. So. So." in text


def test_scores_of_a_gate():
    scored = Alignment(
        text="B",
        original="A",
        decision="edited",
        scores={
            "draft": {"helpful": 0.25, "harmless": None},
            "edits": [{"helpful": 0.5, "harmless": 1.0}],
            "gain": 0.25,
        },
    )
    assert pages.score_rows(scored) == [
        {"name": "helpful", "draft": 0.25, "edit": 0.5, "change": 0.25},
        {"name": "harmless", "draft": None, "edit": 1.0, "change": None},
    ]
    text = text_of(pages.record_page(scored, ""))
    assert "helpful 0.250 0.500 +0.250" in text
    assert "harmless – 1.000 –" in text
    assert "Weighted gain +0.250" in text


def test_no_text_becomes_markup():
    record = Alignment(
        text=f"B {ATTACK}",
        original=f"A {ATTACK}",
        decision="kept",
        reason=ATTACK,
        detail=ATTACK,
        rejected=ATTACK,
        model=ATTACK,
    )
    answered = Answered(1, ATTACK, {"a": f"a {ATTACK}", "b": f"b {ATTACK}"})
    ballot = make_ballot([answered], seed=1)
    everything = (
        pages.record_page(record, ATTACK)
        + pages.notice(ATTACK, alarming=True)
        + pages.writing(ATTACK)
        + pages.chat_page([Turn(ATTACK, ATTACK, record), Turn(ATTACK, ATTACK, error=ATTACK)])
        + pages.pair_page(ballot.pairs[0], 1, 1)
        + pages.result_page(ballot)
    )
    assert "<img" not in everything
    assert "49" not in everything
    assert everything.count("&lt;img") > 10


def test_a_conversation_has_both_answers_of_each_turn():
    page = pages.chat_page([Turn("How?", EDITED.original, EDITED), Turn("And then?", "Peel")])
    first, second = page.split("And then?")
    assert first.count("<article") == second.count("<article") == 2
    assert "You fool." in re.findall(r"<del>(.*?)</del>", first, re.S)[0]
    assert "Waiting for the draft" in second


def test_the_pair_does_not_say_who_wrote_it():
    answered = Answered(1, "Why?", {"klyang/one": "A.", "the draft": "B."})
    page = pages.pair_page(make_ballot([answered]).pairs[0], 1, 1)
    assert "klyang" not in page
    assert "the draft" not in page
    assert {"A.", "B."} <= set(text_of(page).split())


def test_the_result_of_a_vote():
    rows = [Answered(at, "Why?", {"a": f"A {at}", "b": f"B {at}"}) for at in range(20)]
    ballot = make_ballot([*rows, Answered(20, "Why?", {"a": "C", "b": "C"})], seed=1)
    for _ in range(20):
        ballot = ballot.vote("left" if ballot.current.left == "a" else "right")
    text = text_of(pages.result_page(ballot))
    assert "a is preferred to b" in text
    assert "100 % (84 to 100 %)" in text
    assert "20 to 0, 0 equal" in text
    assert "Same text from both, counted as ties 1" in text


def test_votes_can_be_taken_along_before_the_last():
    answered = Answered(1, "Wär’s gut?", {"a": "A.", "b": "B."})
    ballot = make_ballot([answered, answered], seed=1)
    assert pages.votes_page(ballot) == ""
    page = pages.votes_page(ballot.vote("equal"))
    coded = re.search(r"base64,([^\"]+)", page)[1].replace("&#43;", "+")
    (row,) = map(json.loads, base64.b64decode(coded).decode().splitlines())
    assert row["question"] == "Wär’s gut?"
    assert row["choice"] == "equal"


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally("a", "b", 0, 0, 0, 30), "no votes"),
        (Tally("a", "b", 5, 1, 4, 0), "do not tell"),
        (Tally("a", "b", 1, 1, 14, 0), "b is preferred to a"),
    ],
)
def test_a_verdict_needs_votes_that_tell(tally, words):
    assert words in pages.verdict(tally)


def test_the_snippet_makes_the_same_aligner():
    objectives = parse_objectives(["fair", "Brief: the response is one sentence"])
    code = pages.snippet("mini", objectives, "HH-RLHF", ["urls"])
    made = code.partition("chain = llm | ")[0] + "aligner = " + code.partition("llm | ")[2]
    names = {}
    exec(made, names)
    aligner = names["aligner"]
    assert isinstance(aligner, MetaAlignerRunnable)
    assert aligner.objectives == (
        *parse_objectives(["fair"]),
        Objective("Brief", "the response is one sentence"),
    )
    assert (aligner.model, aligner.template) == ("mini", "HH-RLHF")
    assert aligner.preserve == ("urls",)
