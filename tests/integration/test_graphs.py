"""The aligner in graphs of LangGraph: what the state holds, and what every stream shows."""

import asyncio
import operator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command
from pydantic import BaseModel

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import ShapeError
from langchain_metaaligner.testing import FakeAlignerLLM

pytestmark = pytest.mark.filterwarnings("ignore:.*v3 streaming protocol")

LOUD = FakeListChatModel(responses=["the draft"])
QUIET = LOUD.with_config(tags=["nostream"])


class AsDict(MessagesState):
    """A state with a sum and a list beside the messages."""

    tokens: Annotated[int, operator.add]
    sources: Annotated[list, operator.add]


class AsPydantic(BaseModel):
    """The same as a pydantic object."""

    messages: Annotated[list[AnyMessage], add_messages]
    tokens: Annotated[int, operator.add] = 0
    sources: Annotated[list, operator.add] = []


@dataclass
class AsDataclass:
    """The same as a dataclass."""

    messages: Annotated[list, add_messages] = field(default_factory=list)
    tokens: Annotated[int, operator.add] = 0
    sources: Annotated[list, operator.add] = field(default_factory=list)


def asked():
    return {"messages": [HumanMessage("Why?")], "tokens": 100, "sources": ["a book"]}


def messages_of(state):
    return state["messages"] if isinstance(state, dict) else state.messages


def drafting(model):
    return lambda state: {"messages": [model.invoke(messages_of(state))]}


@pytest.fixture
def editor():
    return FakeAlignerLLM(lambda prompt: "the edit")


@pytest.fixture
def aligner(editor):
    return MetaAlignerRunnable(objectives=["helpful"], llm=editor)


def graph_of(*nodes, state=AsDict, **options):
    """A graph of nodes in a row, each a name and what it does."""
    builder = StateGraph(state)
    for name, node in nodes:
        builder.add_node(name, node)
    names = [START, *(name for name, _ in nodes), END]
    for edge in pairwise(names):
        builder.add_edge(*edge)
    return builder.compile(**options)


NODES = {"as_node": lambda aligner: aligner.as_node(), "itself": lambda aligner: aligner}

WAYS = {
    "invoke": lambda graph: graph.invoke(asked()),
    "ainvoke": lambda graph: asyncio.run(graph.ainvoke(asked())),
    "stream": lambda graph: list(graph.stream(asked(), stream_mode="values"))[-1],
    "events": lambda graph: asyncio.run(last_event(graph)),
}


async def collect(parts):
    return [part async for part in parts]


async def last_event(graph):
    events = await collect(graph.astream_events(asked(), version="v2"))
    return events[-1]["data"]["output"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [AsDict, AsPydantic, AsDataclass])
@pytest.mark.parametrize("node", NODES)
def test_a_node_updates_the_answer_and_nothing_else(node, state, way, aligner, editor):
    graph = graph_of(("answer", drafting(LOUD)), ("align", NODES[node](aligner)), state=state)
    final = WAYS[way](graph)
    assert [message.text for message in final["messages"]] == ["Why?", "the edit"]
    assert (final["tokens"], final["sources"]) == (100, ["a book"])
    assert " | Query: Why? | Answer: the draft | " in editor.calls[0][0]


@pytest.mark.parametrize("node", NODES)
def test_a_node_stands_beside_another_of_the_same_step(node, aligner):
    class State(MessagesState):
        score: int

    graph = (
        StateGraph(State)
        .add_node("answer", lambda state: {"messages": [LOUD.invoke("?")], "score": 1})
        .add_node("align", NODES[node](aligner))
        .add_node("score", lambda state: {"score": 2})
        .add_edge(START, "answer")
        .add_edge("answer", "align")
        .add_edge("answer", "score")
        .compile()
    )
    final = graph.invoke({"messages": [HumanMessage("Why?")]})
    assert (final["messages"][-1].text, final["score"]) == ("the edit", 2)


def test_turns_of_a_conversation_are_each_corrected_once(aligner, editor):
    graph = graph_of(
        ("answer", drafting(LOUD)), ("align", aligner.as_node()), checkpointer=InMemorySaver()
    )
    thread = {"configurable": {"thread_id": "1"}}
    for number in range(3):
        final = graph.invoke({**asked(), "messages": [HumanMessage(f"q{number}")]}, thread)
    assert [message.text for message in final["messages"]][1::2] == ["the edit"] * 3
    assert (final["tokens"], len(final["sources"])) == (300, 3)
    assert [" | Query: q" in prompts[0] for prompts in editor.calls] == [True] * 3


def test_functions_of_a_node_get_the_whole_value_back(aligner):
    def align(state):
        aligned = aligner.invoke(state)
        assert aligned.keys() == state.keys()
        return {"messages": aligned["messages"][-1:]}

    final = graph_of(("answer", drafting(LOUD)), ("align", align)).invoke(asked())
    assert final["messages"][-1].text == "the edit"


@pytest.mark.parametrize(
    "last",
    [
        AIMessage("Look.", tool_calls=[{"name": "look", "args": {}, "id": "1"}]),
        ToolMessage("found", tool_call_id="1"),
        HumanMessage("Hm?"),
    ],
    ids=["tool call", "tool", "human"],
)
def test_a_node_leaves_what_is_no_answer(last, aligner, editor):
    state = {"messages": [HumanMessage("Why?"), last], "tokens": 1}
    assert aligner.as_node().invoke(state) == {"messages": []}
    assert asyncio.run(aligner.as_node().ainvoke(state)) == {"messages": []}
    assert editor.calls == []


def test_a_state_without_messages_is_an_error(aligner):
    with pytest.raises(ShapeError, match=r"as_node\(key="):
        aligner.as_node().invoke({"talk": [AIMessage("So.")]})


def test_messages_under_another_key(aligner):
    state = {"talk": [HumanMessage("Why?"), AIMessage("So.", id="1")]}
    (answer,) = aligner.as_node(key="talk").invoke(state)["talk"]
    assert (answer.text, answer.id) == ("the edit", "1")


def test_a_state_that_is_a_list(aligner):
    graph = graph_of(
        ("answer", LOUD),
        ("align", aligner.as_node()),
        state=Annotated[list[AnyMessage], add_messages],
    )
    final = graph.invoke([HumanMessage("Why?")])
    assert [message.text for message in final] == ["Why?", "the edit"]


def test_objectives_come_by_the_context(aligner, editor):
    graph = graph_of(("answer", drafting(LOUD | aligner)))
    graph.invoke(asked(), context={"objectives": ["honest"]})
    assert "Honesty: the response" in editor.calls[0][0]


def test_objectives_of_the_call_reach_the_node(aligner, editor):
    state = {"messages": [HumanMessage("Why?"), AIMessage("So.")]}
    aligner.as_node().invoke(state, objectives=["honest"])
    assert "Honesty: the response" in editor.calls[0][0]


# -- a node that makes the draft as well -----------------------------------------------------


async def adrafting(state):
    return {"messages": [await LOUD.ainvoke(messages_of(state))], "tokens": 5}


DRAFTS = {
    "a function": lambda state: {"messages": [LOUD.invoke(messages_of(state))], "tokens": 5},
    "one message": lambda state: {"messages": LOUD.invoke(messages_of(state)), "tokens": 5},
    "a tuple": lambda state: {"messages": [("ai", LOUD.invoke("?").text)], "tokens": 5},
    "a command": lambda state: Command(
        update={"messages": [LOUD.invoke(messages_of(state))], "tokens": 5}
    ),
    "a chain": RunnableLambda(messages_of) | LOUD | (lambda m: {"messages": [m], "tokens": 5}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("draft", DRAFTS)
def test_a_draft_made_inside_of_the_node(draft, way, aligner, editor):
    final = WAYS[way](graph_of(("answer", aligner.as_node(DRAFTS[draft]))))
    assert [message.text for message in final["messages"]] == ["Why?", "the edit"]
    assert (final["tokens"], final["sources"]) == (105, ["a book"])
    assert " | Query: Why? | Answer: the draft | " in editor.calls[0][0]


async def test_an_async_draft(aligner):
    final = await graph_of(("answer", aligner.as_node(adrafting))).ainvoke(asked())
    assert (final["messages"][-1].text, final["tokens"]) == ("the edit", 105)


def test_a_chain_that_gives_the_message_alone(aligner, editor):
    chain = RunnableLambda(messages_of) | LOUD
    final = graph_of(("answer", aligner.as_node(chain))).invoke(asked())
    assert [message.text for message in final["messages"]] == ["Why?", "the edit"]
    assert " | Query: Why? | " in editor.calls[0][0]


def test_a_draft_that_is_a_graph(aligner, editor):
    inner = graph_of(("answer", drafting(LOUD)), state=MessagesState)
    final = graph_of(("answer", aligner.as_node(inner)), state=MessagesState).invoke(
        {"messages": [HumanMessage("Why?")]}
    )
    assert [message.text for message in final["messages"]] == ["Why?", "the edit"]
    assert " | Query: Why? | Answer: the draft | " in editor.calls[0][0]


@pytest.mark.parametrize("update", [None, {"tokens": 3}, {"messages": []}])
def test_a_draft_that_gives_no_answer(update, aligner, editor):
    final = graph_of(("answer", aligner.as_node(lambda state: update))).invoke(asked())
    assert [message.text for message in final["messages"]] == ["Why?"]
    assert final["tokens"] == 100 + (update or {}).get("tokens", 0)
    assert editor.calls == []


def test_a_draft_from_a_text_model(aligner, editor):
    text = FakeListLLM(responses=["the draft"])

    def draft(state):
        return {"messages": [AIMessage(text.invoke(state["messages"]))]}

    final = graph_of(("answer", aligner.as_node(draft))).invoke(asked())
    assert final["messages"][-1].text == "the edit"


# -- what streams show -----------------------------------------------------------------------


def shown(parts):
    """Which node shows which text, its chunks put together."""
    texts = {}
    for message, about in parts:
        node = about["langgraph_node"]
        texts[node] = texts.get(node, "") + message.text
    return texts


MESSAGES = {
    "stream": lambda graph: shown(graph.stream(asked(), stream_mode="messages")),
    "astream": lambda graph: shown(
        asyncio.run(collect(graph.astream(asked(), stream_mode="messages")))
    ),
}


def editors():
    """A text model and a chat model that edit, and one whose edit is refused."""
    return {
        "text": FakeAlignerLLM(lambda prompt: "the edit"),
        "chat": FakeListChatModel(responses=["the edit"]),
    }


@pytest.mark.parametrize("stream", MESSAGES)
@pytest.mark.parametrize("kind", editors())
@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("model", [LOUD, QUIET], ids=["loud", "quiet"])
def test_messages_show_the_answer_once_from_the_node(model, node, kind, stream):
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=editors()[kind])
    graph = graph_of(("answer", drafting(model)), ("align", NODES[node](aligner)))
    assert MESSAGES[stream](graph) == {"answer": "the draft", "align": "the edit"}


@pytest.mark.parametrize("stream", MESSAGES)
@pytest.mark.parametrize("kind", editors())
@pytest.mark.parametrize("model", [LOUD, QUIET], ids=["loud", "quiet"])
def test_messages_of_one_node_hold_no_draft(model, kind, stream):
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=editors()[kind])
    graph = graph_of(("answer", aligner.as_node(drafting(model))))
    assert MESSAGES[stream](graph) == {"answer": "the edit"}


@pytest.mark.parametrize("stream", MESSAGES)
@pytest.mark.parametrize("kind", editors())
def test_messages_of_a_chain_in_a_node_hold_no_draft(kind, stream):
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=editors()[kind])
    assert MESSAGES[stream](graph_of(("answer", drafting(QUIET | aligner)))) == {
        "answer": "the edit"
    }


@pytest.mark.parametrize("node", ["one", "two", "chain"])
def test_a_refused_edit_is_never_shown(node):
    refused = FakeListChatModel(responses=["SECRET | Edit: SECRET"])
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=refused)
    graph = {
        "one": lambda: graph_of(("answer", aligner.as_node(drafting(LOUD)))),
        "two": lambda: graph_of(("answer", drafting(QUIET)), ("align", aligner.as_node())),
        "chain": lambda: graph_of(("answer", drafting(QUIET | aligner))),
    }[node]()
    texts = MESSAGES["stream"](graph)
    assert set(texts.values()) == {"the draft"}


def test_the_newer_protocol_shows_the_same(aligner):
    two = graph_of(("answer", drafting(QUIET)), ("align", aligner.as_node()))
    one = graph_of(("answer", aligner.as_node(drafting(LOUD))))
    texts = [
        [str(message.text) for message in graph.stream_events(asked(), version="v3").messages]
        for graph in (two, one)
    ]
    assert texts == [["the draft", "the edit"], ["the edit"]]


@pytest.mark.parametrize("mode", ["updates", "values", "debug", "tasks", "checkpoints"])
def test_other_streams_of_one_node_hold_no_draft(mode, aligner):
    graph = graph_of(
        ("answer", aligner.as_node(drafting(LOUD))),
        **({"checkpointer": InMemorySaver()} if mode == "checkpoints" else {}),
    )
    thread = {"configurable": {"thread_id": "1"}}
    parts = str(list(graph.stream(asked(), thread, stream_mode=mode)))
    assert "the edit" in parts
    assert "content='the draft'" not in parts


@pytest.mark.parametrize("mode", ["updates", "values"])
def test_other_streams_of_two_nodes_show_the_work_of_both(mode, aligner):
    graph = graph_of(("answer", drafting(QUIET)), ("align", aligner.as_node()))
    *_, before, last = graph.stream(asked(), stream_mode=mode)
    assert "content='the draft'" in str(before)
    assert "content='the edit'" in str(last)


def test_nothing_is_said_where_nobody_listens(aligner):
    graph = graph_of(("answer", drafting(LOUD)), ("align", aligner.as_node()))
    heard = []

    class Names(UsageMetadataCallbackHandler):
        def on_chat_model_start(self, serialized, messages, **about):
            heard.append(about["metadata"]["langgraph_node"])

    graph.invoke(asked(), {"callbacks": [Names()]})
    assert heard == ["answer"]


def test_usage_is_counted_once(aligner):
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    draft = AIMessage("the draft", usage_metadata=usage, response_metadata={"model_name": "m"})
    model = FakeMessagesListChatModel(responses=[draft])
    graph = graph_of(("answer", drafting(model)), ("align", aligner.as_node()))
    counter = UsageMetadataCallbackHandler()
    list(graph.stream(asked(), {"callbacks": [counter]}, stream_mode="messages"))
    assert counter.usage_metadata["m"]["total_tokens"] == 7
    assert graph.invoke(asked())["messages"][-1].usage_metadata == usage


async def test_events_of_the_node_tell_the_answer_as_a_model_would(aligner):
    graph = graph_of(("answer", drafting(QUIET)), ("align", aligner.as_node()))
    events = await collect(graph.astream_events(asked(), exclude_tags=["nostream"], version="v2"))
    tokens = [e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(tokens) == "the edit"
