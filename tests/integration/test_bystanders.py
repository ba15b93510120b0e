"""Runs of other people: every handler hears the same with an aligner in the process and without."""

import asyncio
import gc
import re
from contextlib import suppress

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models import (
    FakeListChatModel,
    FakeListLLM,
    FakeStreamingListLLM,
)
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langchain_core.tracers import context
from langchain_core.tracers.base import BaseTracer

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
]

EVENTS = [
    f"on_{kind}_{moment}"
    for kind in ("chain", "llm", "chat_model", "tool", "retriever")
    for moment in ("start", "end", "error")
    if f"{kind}_{moment}" not in ("chat_model_end", "chat_model_error")
]


class Listener(BaseCallbackHandler):
    """Writes down what it hears, and for which run: its name and tags below those around it."""

    def __init__(self):
        self.heard, self.runs = [], {}

    def note(self, event, about):
        run = about["run_id"]
        if event.endswith("start"):
            above = self.runs.get(about.get("parent_run_id"), "")
            self.runs[run] = f"{above}/{about.get('name')}{sorted(about.get('tags') or ())}"
        self.heard.append((event, self.runs.get(run)))


class AsyncListener(AsyncCallbackHandler, Listener):
    """The same with async methods."""


def _hearing(event):
    def method(self, *args, **about):
        self.note(event, about)

    async def async_method(self, *args, **about):
        self.note(event, about)

    setattr(Listener, event, method)
    setattr(AsyncListener, event, async_method)


for event in [*EVENTS, "on_llm_new_token"]:
    _hearing(event)


class InlineListener(Listener):
    """As LangSmith's tracer is."""

    run_inline = True


class Tracer(BaseTracer):
    """Writes down the finished tree of runs."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def _persist_run(self, run):
        self.heard.append(self.tree(run))

    def tree(self, run):
        return (run.run_type, run.name, *sorted(run.tags or ()), *map(self.tree, run.child_runs))


class Spans(BaseCallbackHandler):
    """As instrumentation for OpenTelemetry is written: spans are opened and closed by run id."""

    def __init__(self):
        self.open, self.heard = {}, []

    def begin(self, serialized, value, *, run_id, parent_run_id=None, **about):
        parent = self.open.get(parent_run_id)
        self.open[run_id] = (about.get("name"), parent and parent[0])

    def finish(self, value, *, run_id, **about):
        self.heard.append(self.open.pop(run_id))  # a KeyError for a start that was never heard

    on_chain_start = on_llm_start = on_chat_model_start = begin
    on_chain_end = on_llm_end = on_chain_error = on_llm_error = finish


LISTENERS = {
    "each kind": (Listener, AsyncListener, Tracer, Spans),
    "inline": (InlineListener, Listener),  # langchain#39633 keeps starts from the second one
}


class StepFailedError(Exception):
    """What the step of a chain raises here."""


def failing(_):
    raise StepFailedError


@tool
def shout(text: str) -> str:
    """Shout a text."""
    return text.upper()


PROMPT = ChatPromptTemplate.from_messages([("human", "{q}")])


def with_history():
    histories = {}

    def history(session_id):
        return histories.setdefault(session_id, InMemoryChatMessageHistory())

    chain = RunnableWithMessageHistory(FakeListLLM(responses=["reply"]), history)
    return (RunnableLambda(lambda q: [HumanMessage(q)]) | chain).with_config(
        configurable={"session_id": "1"}
    )


CHAINS = {
    "text model": lambda: FakeListLLM(responses=["reply"]),
    "streaming text model": lambda: FakeStreamingListLLM(responses=["reply"]) | StrOutputParser(),
    "chat model": lambda: FakeListChatModel(responses=["reply"]),
    "sequence": lambda: (
        (lambda q: {"q": q}) | PROMPT | FakeListLLM(responses=["reply"]) | StrOutputParser() | shout
    ),
    "branches": lambda: RunnableParallel(
        text=FakeListLLM(responses=["reply"]), chat=FakeListChatModel(responses=["reply"])
    ),
    "failure": lambda: FakeListLLM(responses=["reply"]) | failing,
    "history": with_history,
}


async def collect(chunks):
    return [chunk async for chunk in chunks]


WAYS = {
    "invoke": lambda chain, config: chain.invoke("a", config),
    "batch": lambda chain, config: chain.batch(["a", "b"], config, return_exceptions=True),
    "stream": lambda chain, config: list(chain.stream("a", config)),
    "ainvoke": lambda chain, config: asyncio.run(chain.ainvoke("a", config)),
    "abatch": lambda chain, config: asyncio.run(
        chain.abatch(["a", "b"], config, return_exceptions=True)
    ),
    "astream": lambda chain, config: asyncio.run(collect(chain.astream("a", config))),
}


def logged(caplog):
    """What was logged since the last time, without the ids of runs."""
    lines = sorted(re.sub("[0-9a-f-]{36}", "id", record.getMessage()) for record in caplog.records)
    caplog.clear()
    return lines


@pytest.fixture
def without_hook(monkeypatch):
    """Calls a function as if no aligner had ever been made in this process."""

    def call(function):
        others = [hook for hook in context._configure_hooks if hook[0].name != "metaaligner"]
        with monkeypatch.context() as patch:
            patch.setattr(context, "_configure_hooks", others)
            return function()

    return call


@pytest.fixture
def compared(without_hook, make_aligner):
    """What a function gives without an aligner, while one lives, and when it is gone."""

    def compare(function):
        gc.collect()
        before = without_hook(function)
        aligner = make_aligner()
        during = function()
        del aligner
        gc.collect()
        return before, during, function()

    return compare


@pytest.mark.parametrize("listeners", LISTENERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chain", CHAINS)
def test_handlers_hear_the_same(chain, way, listeners, compared, caplog):
    def heard():
        handlers = [kind() for kind in LISTENERS[listeners]]
        with suppress(StepFailedError):
            WAYS[way](CHAINS[chain](), {"callbacks": handlers})
        side_by_side = "batch" in way or chain == "branches"
        return logged(caplog), [
            sorted(map(repr, handler.heard)) if side_by_side else handler.heard
            for handler in handlers
        ]

    before, during, after = compared(heard)
    assert before == during == after
    assert all(before[1])


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("chain", CHAINS)
def test_event_streams_tell_the_same(chain, version, compared, caplog):
    async def tell():
        """The events and what was logged."""
        events = []
        with suppress(StepFailedError):
            async for event in CHAINS[chain]().astream_events("a", version=version):
                events += [(event["event"], event["name"], *sorted(event["tags"]))]
        return logged(caplog), sorted(events)

    before, during, after = compared(lambda: asyncio.run(tell()))
    assert before == during == after
    assert before[1]


@pytest.mark.parametrize("listener", LISTENERS["each kind"])
async def test_an_edit_is_told_whole(listener, make_aligner, caplog):
    """The aligner's own model is a run like any other."""
    chain = FakeListLLM(responses=["reply"]) | make_aligner()
    sync, asynchronous = listener(), listener()
    chain.invoke("a", {"callbacks": [sync]})
    await chain.ainvoke("a", {"callbacks": [asynchronous]})
    assert sync.heard == asynchronous.heard
    signs = {Tracer: "FakeAlignerLLM", Spans: "(None, 'MetaAlignerRunnable')"}
    assert signs.get(listener, "metaaligner:editing") in str(sync.heard)
    assert not caplog.records


@pytest.mark.parametrize("streaming", ["checked", "live"])
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_event_streams_tell_of_the_edit(version, streaming, make_aligner, caplog):
    aligner = make_aligner()
    aligner = aligner.model_copy(update={"streaming": streaming})
    chain = FakeListChatModel(responses=["reply"]) | aligner
    events = await collect(chain.astream_events("a", version=version))
    told = [event["event"] for event in events if event["name"] == "FakeAlignerLLM"]
    assert told[0] == "on_llm_start"
    assert told[-1] == "on_llm_end"
    assert not caplog.records
