"""What is told of an edit: an event, marks on the run, items in a graph's custom stream."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer

from langchain_metaaligner import MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nobody likes you. Nine minutes."
VALUE = {"question": "How long?", "answer": DRAFT}


def make(function=lambda prompt: "Nine minutes.", **options):
    return MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(function), **options)


class Sync(BaseCallbackHandler):
    def __init__(self):
        self.events, self.ends = [], []

    def on_custom_event(self, name, data, *, run_id, **kwargs):
        assert name == "metaaligner"
        self.events.append(data)

    def on_chain_end(self, outputs, *, run_id, tags=None, **kwargs):
        self.ends.append(tags)


class Async(AsyncCallbackHandler):
    def __init__(self):
        self.events = []

    async def on_custom_event(self, name, data, *, run_id, **kwargs):
        self.events.append(data)


def drained(chunks):
    return list(chunks)


async def adrained(chunks):
    return [chunk async for chunk in chunks]


CALLS = {
    "invoke": lambda a, c: a.invoke(VALUE, c),
    "batch": lambda a, c: a.batch([VALUE], c),
    "stream": lambda a, c: drained(a.stream(VALUE, c)),
    "ainvoke": lambda a, c: a.ainvoke(VALUE, c),
    "abatch": lambda a, c: a.abatch([VALUE], c),
    "astream": lambda a, c: adrained(a.astream(VALUE, c)),
    "align": lambda a, c: a.align("How long?", DRAFT, c),
    "aalign": lambda a, c: a.aalign("How long?", DRAFT, c),
    "in a chain": lambda a, c: (FakeListChatModel(responses=[DRAFT]) | a).invoke("How long?", c),
}


@pytest.mark.parametrize("streaming", ["checked", "live"])
@pytest.mark.parametrize("handler", [Sync, Async])
@pytest.mark.parametrize("name", CALLS)
async def test_one_event_an_answer_and_no_text_in_it(name, handler, streaming):
    heard = handler()
    done = CALLS[name](make(streaming=streaming), {"callbacks": [heard]})
    if asyncio.iscoroutine(done):
        await done
    (event,) = heard.events
    assert (event["decision"], event["reason"]) == ("edited", None)
    assert event["objectives"] == ["fair"]
    assert "minutes" not in repr(event)


@pytest.mark.parametrize(
    ("options", "draft", "decision", "reason"),
    [
        (
            {},
            AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
            "kept",
            "tool_calls",
        ),
        ({"function": lambda prompt: ""}, DRAFT, "kept", "empty"),
        ({"function": lambda prompt: "", "on_failure": "refuse"}, DRAFT, "refused", "empty"),
        ({"when": lambda question, draft: False}, DRAFT, "kept", "not_needed"),
    ],
)
def test_what_was_not_edited_has_its_event_too(options, draft, decision, reason):
    heard = Sync()
    make(**options).invoke({"question": "How long?", "answer": draft}, {"callbacks": [heard]})
    (event,) = heard.events
    assert (event["decision"], event["reason"]) == (decision, reason)


class Tracer(BaseTracer):
    def _persist_run(self, run):
        self.runs = [*getattr(self, "runs", ()), *walked(run)]


def walked(run):
    yield run
    for child in run.child_runs:
        yield from walked(child)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_run_has_the_decision(how):
    tracer, heard = Tracer(), Sync()
    chain = FakeListChatModel(responses=[DRAFT]) | make(lambda prompt: "")
    config = {"callbacks": [tracer, heard]}
    if how == "sync":
        chain.invoke("How long?", config)
    else:
        await chain.ainvoke("How long?", config)
    (run,) = [run for run in tracer.runs if run.name == "MetaAlignerRunnable"]
    assert {"metaaligner:kept", "metaaligner:empty"} <= set(run.tags)
    assert run.metadata["metaaligner_decision"] == "kept"
    assert run.metadata["metaaligner_reason"] == "empty"
    assert run.metadata["metaaligner_model"] == "fake-aligner"
    assert [tags for tags in heard.ends if "metaaligner:kept" in tags]
    for other in tracer.runs:
        if other is not run:
            assert not [tag for tag in other.tags or () if tag.startswith("metaaligner:kept")]


async def test_astream_events_has_the_event_and_the_marks():
    chain = FakeListChatModel(responses=[DRAFT]) | make()
    events = [event async for event in chain.astream_events("How long?", version="v2")]
    assert [e["data"]["decision"] for e in events if e["event"] == "on_custom_event"] == ["edited"]
    (end,) = [
        e for e in events if e["event"] == "on_chain_end" and e["name"] == "MetaAlignerRunnable"
    ]
    assert "metaaligner:edited" in end["tags"]
    assert end["metadata"]["metaaligner_decision"] == "edited"


def test_a_handler_that_fails_costs_no_answer():
    class Broken(Sync):
        raise_error = True

        def on_custom_event(self, *args, **kwargs):
            raise RuntimeError("full disk")

    answer = make().invoke(VALUE, {"callbacks": [Broken()]})
    assert answer["answer"] == "Nine minutes."


ASK = {"messages": [("human", "How long do I boil an egg?")]}


async def test_the_custom_stream_of_an_agent():
    def agent(**options):
        return create_agent(
            FakeListChatModel(responses=[DRAFT]),
            middleware=[
                MetaAlignerMiddleware(
                    objectives=["fair"], llm=FakeAlignerLLM(lambda prompt: "Nine."), **options
                )
            ],
        )

    items = list(agent().stream(ASK, stream_mode="custom"))
    aitems = [item async for item in agent().astream(ASK, stream_mode="custom")]
    for begin, end in (items, aitems):
        assert begin["metaaligner"] == {"event": "begin", "objectives": ["fair"]}
        assert end["metaaligner"]["event"] == "end"
        assert end["metaaligner"]["decision"] == "edited"
    assert list(agent(when=lambda question, draft: False).stream(ASK, stream_mode="custom")) == []


def test_an_aligner_inside_a_function_of_the_user():
    heard = Sync()
    aligner = make()
    chain = RunnableLambda(lambda text: aligner.align("How long?", text).text)
    assert chain.invoke(DRAFT, {"callbacks": [heard]}) == "Nine minutes."
    assert len(heard.events) == 1
