"""What checks take and give, in every way in which an aligner is called."""

import asyncio
import threading
import time
from contextlib import suppress
from functools import partial

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage

from langchain_metaaligner import MetaAlignerRunnable, Objective
from langchain_metaaligner.edit.case import (
    BoundCheck,
    Case,
    Correction,
    Refusal,
    judgement_of,
)
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

VALUE = {"question": "When do you open?", "context": ["Open from 9 on."], "answer": "At 9, duh."}


def make(**options):
    editor = FakeAlignerLLM(lambda prompt: "We open at nine.")
    return MetaAlignerRunnable(**{"objectives": ["fair"], "llm": editor, **options})


async def collected(chunks):
    return [chunk async for chunk in chunks]


def whole(chunks):
    return "".join(chunk.get("answer", "") for chunk in chunks)


WAYS = {
    "invoke": lambda aligner: aligner.invoke(VALUE)["answer"],
    "ainvoke": lambda aligner: asyncio.run(aligner.ainvoke(VALUE))["answer"],
    "batch": lambda aligner: aligner.batch([VALUE, VALUE])[1]["answer"],
    "abatch": lambda aligner: asyncio.run(aligner.abatch([VALUE, VALUE]))[1]["answer"],
    "stream": lambda aligner: whole(aligner.stream(VALUE)),
    "astream": lambda aligner: whole(asyncio.run(collected(aligner.astream(VALUE)))),
}

by_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def test_what_a_check_takes():
    facts = {"draft": "D", "edit": "E", "question": "Q", "context": ("C",)}

    def named(edit, question):
        return None

    def all_of_it(draft, edit, question, context):
        return None

    def others(before, after, asked):
        return None

    def mixed(answer, edit, context, limit=3, *, strict=False):
        return None

    class Object:
        def __call__(self, draft, edit):
            return None

    for check, expected in (
        (lambda draft, edit: None, ["D", "E"]),
        (lambda a, b: None, ["D", "E"]),
        (lambda edit: None, ["E"]),
        (lambda: None, []),
        (lambda *texts: None, ["D", "E"]),
        (named, ["E", "Q"]),
        (all_of_it, ["D", "E", "Q", ("C",)]),
        (others, ["D", "E", "Q"]),
        (mixed, ["D", "E", ("C",)]),
        (partial(all_of_it, context=()), ["D", "E", "Q"]),
        (Object(), ["D", "E"]),
        (str.count, ["D", "E"]),
    ):
        assert BoundCheck.of(check).fill(facts) == expected


@pytest.mark.parametrize("check", [lambda a, b, c, d, e: None, lambda draft, edit, *, judge: None])
def test_a_check_that_needs_more_than_there_is(check):
    with pytest.raises(SettingError, match="takes the draft and the edit first"):
        BoundCheck.of(check)


@pytest.mark.parametrize("said", [True, False, 0, 1, "", "  ", ["a"], {"reason": "x"}, b"no"])
def test_what_a_check_may_not_give(said):
    with pytest.raises(TypeError, match="gives None, or the reason"):
        judgement_of(BoundCheck.of(lambda draft, edit: said), said)


@by_way
def test_a_check_sees_the_whole_case(way):
    cases = []

    def look(case: Case) -> None:
        cases.append(case)

    assert way(make(checks=[look])) == "We open at nine."
    case = cases[-1]
    assert (case.question, case.context) == ("When do you open?", ("Open from 9 on.",))
    assert (case.draft, case.edit) == ("At 9, duh.", "We open at nine.")
    assert [objective.name for objective in case.objectives] == ["fair"]
    assert "callbacks" in case.config


def test_a_check_sees_the_objectives_and_the_config_of_the_request():
    seen = []

    async def look(*, objectives: tuple[Objective, ...], config) -> None:
        seen.append(([one.name for one in objectives], config["metadata"]["user"]))

    config = {"configurable": {"objectives": ["readable"]}, "metadata": {"user": "ada"}}
    asyncio.run(make(checks=[look]).ainvoke(VALUE, config))
    assert seen == [(["readable"], "ada")]


def test_what_a_check_takes_by_name_or_annotation():
    facts = {name: name for name in ("draft", "edit", "question", "context", "objectives", "case")}

    def annotated(whole: Case):
        return None

    def written(whole: "Case"):
        return None

    def mixed(edit, objectives, *, question, case):
        return None

    for check, expected, keywords in (
        (annotated, ["case"], ()),
        (written, ["case"], ()),
        (lambda case: None, ["case"], ()),
        (mixed, ["edit", "objectives"], ("question", "case")),
    ):
        bound = BoundCheck.of(check)
        assert (bound.fill(facts), bound.keywords) == (expected, keywords)


def fix(edit: str) -> Correction:
    return Correction(edit.replace("nine", "9"))


async def afix(edit: str) -> Correction:
    await asyncio.sleep(0)
    return fix(edit)


@by_way
@pytest.mark.parametrize("check", [fix, afix])
def test_a_correction_takes_the_place_of_the_edit(check, way):
    later = []

    def look(edit):
        later.append(edit)

    assert way(make(checks=[check, look])) == "We open at 9."
    assert set(later) == {"We open at 9."}


def test_the_record_says_who_corrected():
    record = make(checks=[fix]).align("When?", "At 9, duh.")
    assert (record.decision, record.reason) == ("edited", None)
    assert (record.text, record.detail) == ("We open at 9.", "Corrected by the check fix.")


def test_a_correction_back_to_the_draft_changes_nothing():
    record = make(checks=[lambda draft, edit: Correction(draft)]).align("When?", "At 9, duh.")
    assert (record.decision, record.text) == ("unchanged", "At 9, duh.")


def test_a_correction_must_preserve_too():
    loses = make(checks=[lambda draft, edit: Correction("Soon.")], preserve=["numbers"])
    editor = FakeAlignerLLM(lambda prompt: "We open at 9.")
    record = loses.model_copy(update={"llm": editor}).align("When?", "At 9, duh.")
    assert (record.decision, record.reason, record.text) == ("kept", "preserve", "At 9, duh.")


@pytest.mark.parametrize("text", ["", "  \n", None, 9])
def test_a_correction_is_a_text(text):
    record = make(checks=[lambda draft, edit: Correction(text)]).align("When?", "At 9, duh.")
    assert (record.decision, record.reason) == ("kept", "error")
    assert "Give a text that is not blank" in record.detail


def test_a_refusal_brings_its_own_sentence():
    record = make(checks=[lambda draft, edit: Refusal("rude", "It is rude.")]).align("?", "At 9.")
    assert (record.reason, record.detail) == ("rude", "It is rude.")
    assert record.rejected == "We open at nine."


def hangs(draft, edit):
    time.sleep(30)


async def ahangs(draft, edit):
    await asyncio.sleep(30)


@by_way
@pytest.mark.parametrize("check", [hangs, ahangs])
def test_a_check_that_hangs_leaves_the_draft(check, way):
    started = time.monotonic()
    assert way(make(checks=[check], check_timeout=0.1)) == "At 9, duh."
    assert time.monotonic() - started < 10


async def test_a_check_that_cannot_be_cancelled_leaves_the_draft():
    free = asyncio.Event()

    async def stubborn(draft, edit):
        while not free.is_set():
            with suppress(asyncio.CancelledError):
                await free.wait()

    record = await make(checks=[stubborn], check_timeout=0.1).aalign("When?", "At 9, duh.")
    free.set()
    assert (record.decision, record.reason) == ("kept", "timeout")
    assert record.detail == "The check stubborn took over 0.1 seconds."


@pytest.mark.parametrize("limit", [None, 5])
def test_a_check_that_is_in_time_says_what_it_says(limit):
    threads = []

    def check(draft, edit):
        threads.append(threading.current_thread())
        return "rude"

    assert make(checks=[check], check_timeout=limit).align("When?", "At 9.").reason == "rude"
    assert (threads == [threading.current_thread()]) == (limit is None)


@pytest.mark.parametrize("limit", [0, -1, "soon"])
def test_a_limit_that_is_none(limit):
    with pytest.raises(SettingError, match="check_timeout"):
        make(check_timeout=limit)


class Tokens(BaseCallbackHandler):
    """Hears which tokens are tagged to be shown by no stream of messages."""

    def __init__(self):
        self.tags = []

    def on_chat_model_start(self, serialized, messages, *, tags=None, **about):
        self.tags.append(tags)


@pytest.mark.parametrize("by_config", [True, False])
def test_the_model_of_a_check_is_traced_below_the_aligner_and_shown_to_nobody(by_config):
    judge = FakeListChatModel(responses=["fine"])

    def ask(edit, config):
        judge.invoke(edit, config if by_config else None)

    heard = Tokens()
    make(checks=[ask]).invoke(VALUE, {"callbacks": [heard]})
    assert ["nostream" in tags for tags in heard.tags] == [True]


def test_the_question_is_not_taken_from_the_model_of_a_check():
    judge = FakeListChatModel(responses=["At 9, duh."])
    llm = FakeListChatModel(responses=["At 9, duh."])

    def ask(edit, config):
        judge.invoke("Is this fine?", config)

    chain = llm | make(checks=[ask]) | make()
    message = chain.invoke("When do you open?")
    assert isinstance(message, AIMessage)
    assert message.response_metadata["metaaligner"]["question"] == "When do you open?"


def test_a_live_edit_is_shown_before_it_can_be_corrected():
    value = {"question": "When?", "answer": AIMessage("At 9, duh.")}
    aligner = make(checks=[fix], streaming="live")
    chunks = [chunk["answer"] for chunk in aligner.stream(value) if "answer" in chunk]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    record = whole.response_metadata["metaaligner"]
    assert whole.text == record["text"] == "We open at nine."
    assert (record["decision"], record["reason"]) == ("edited", "corrected")
    assert record["detail"].startswith("Corrected by the check fix.")
