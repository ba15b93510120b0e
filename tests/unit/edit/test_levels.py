"""As much of the record as you want."""

import json

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, PIIMiddleware
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage

from langchain_metaaligner import Alignment, MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nobody likes you. Write to bob@example.org."
EDIT = "Please write to bob@example.org."
TEXTS = ("text", "original", "question", "rejected", "detail")


def options(**given):
    return {"objectives": ["fair"], "llm": FakeAlignerLLM(lambda prompt: EDIT), **given}


def make(**given):
    return MetaAlignerRunnable(**options(**given))


def added(chunks):
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


async def everyway(aligner, value):
    yield aligner.invoke(value)
    yield aligner.batch([value])[0]
    yield added(aligner.stream(value))
    yield await aligner.ainvoke(value)
    yield (await aligner.abatch([value]))[0]
    yield added([chunk async for chunk in aligner.astream(value)])


@pytest.mark.parametrize("level", ["full", "slim", "none"])
async def test_of_messages(level):
    value = {"question": "How?", "answer": AIMessage(DRAFT, id="1")}
    async for answer in everyway(make(record=level), value):
        about = answer["answer"].response_metadata
        assert answer["answer"].content == EDIT
        if level == "full":
            assert Alignment(**about["metaaligner"]).original == DRAFT
        elif level == "slim":
            record = about["metaaligner"]
            assert (record["decision"], record["reason"]) == ("edited", None)
            assert record["objectives"] == ["fair"]
            assert set(record["hashes"]) == {"question", "original", "text"}
            assert not set(TEXTS) & set(record)
            assert "bob" not in json.dumps(record)
        else:
            assert about == {}


@pytest.mark.parametrize("level", ["full", "slim"])
async def test_beside_strings_and_dicts(level):
    aligner = make(record=level, record_key="alignment")
    dict_value = {"question": "How?", "answer": DRAFT, "source": 1}
    async for answer in everyway(aligner, dict_value):
        record = answer.pop("alignment")
        assert answer == {"question": "How?", "answer": EDIT, "source": 1}
        assert record["decision"] == "edited"
        assert ("original" in record) == (level == "full")
    async for answer in everyway(aligner, DRAFT):
        assert answer["answer"] == DRAFT
        assert answer["alignment"]["reason"] == "no_question"
    chain = FakeListChatModel(responses=[DRAFT]) | (lambda message: message.text) | aligner
    assert chain.invoke("How?")["alignment"]["decision"] == "edited"


def test_a_list_of_messages_keeps_its_shape():
    aligner = make(record_key="alignment")
    assert len(aligner.invoke([HumanMessage("How?"), AIMessage(DRAFT)])) == 2
    state = aligner.invoke({"messages": [HumanMessage("How?"), AIMessage(DRAFT)]})
    assert set(state) == {"messages"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"record": "slender"}, "record"),
        ({"record": "none", "record_key": "alignment"}, "record_key"),
        ({"record_key": "answer"}, "record_key"),
        ({"record_key": " "}, "record_key"),
        ({"record_key": 5}, "record_key"),
    ],
)
def test_what_cannot_work_is_one_sentence_at_construction(given, words):
    for face in (MetaAlignerRunnable, MetaAlignerMiddleware):
        with pytest.raises(SettingError, match=words):
            face(**options(**given))


def agent(*others, last=(), **given):
    return create_agent(
        FakeListChatModel(responses=[DRAFT]),
        middleware=[*others, MetaAlignerMiddleware(**options(**given)), *last],
    )


ASK = {"messages": [("human", "How?")]}


def record_of(state):
    return state["messages"][-1].response_metadata.get("metaaligner")


def pii():
    return PIIMiddleware("email", strategy="redact", apply_to_output=True, apply_to_input=False)


@pytest.mark.parametrize("level", ["full", "slim", "none"])
@pytest.mark.parametrize("place", ["outside", "inside"])
async def test_what_others_redact_stays_redacted(level, place):
    def made():
        if place == "outside":
            return agent(pii(), record=level)
        return agent(last=(pii(),), record=level)

    for state in (made().invoke(ASK), await made().ainvoke(ASK)):
        assert state["messages"][-1].content == "Please write to [REDACTED_EMAIL]."
        assert "bob@example.org" not in repr(state)
        if level == "none":
            assert record_of(state) is None
        else:
            assert record_of(state)["decision"] == "edited"


async def test_no_stream_has_what_is_redacted():
    for mode in ("updates", "values", "custom"):
        items = list(agent(last=(pii(),), record="full").stream(ASK, stream_mode=mode))
        assert "Nobody" not in "".join(repr(items).split("'metaaligner'")[1:])


async def test_the_full_record_of_an_agent():
    for state in (agent(record="full").invoke(ASK), await agent(record="full").ainvoke(ASK)):
        alignment = Alignment(**record_of(state))
        assert (alignment.original, alignment.text) == (DRAFT, EDIT)
        assert len(state["messages"]) == 2


def test_both_kinds_in_one_agent_and_by_type():
    full = MetaAlignerMiddleware(**options(record="full", name="second"))
    assert isinstance(full, MetaAlignerMiddleware)
    assert isinstance(full, AgentMiddleware)
    both = create_agent(
        FakeListChatModel(responses=[DRAFT]),
        middleware=[MetaAlignerMiddleware(**options()), full],
    )
    assert both.invoke(ASK)["messages"][-1].content == EDIT
