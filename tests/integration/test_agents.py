"""A real agent graph with a tool, and the middleware in it."""

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel

from langchain_metaaligner import MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

QUESTION = {"messages": [HumanMessage("1+2?")]}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Calculator(BaseChatModel):
    """Calls the tool with a remark of its own, then gives a draft."""

    @property
    def _llm_type(self):
        return "calculator"

    def bind_tools(self, tools, **kwargs):
        return self.bind(tools=[getattr(one, "name", "schema") for one in tools])

    def _message(self, messages, tools):
        if "schema" in tools or "Total" in tools:
            call = {"name": "Total", "args": {"value": 3}, "id": "c2"}
            return AIMessage("here", tool_calls=[call])
        if not any(isinstance(message, ToolMessage) for message in messages):
            call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
            return AIMessage("calling the tool", tool_calls=[call])
        return AIMessage("the draft answer", usage_metadata=USAGE)

    def _generate(self, messages, stop=None, run_manager=None, tools=(), **kwargs):
        message = self._message(messages, tools)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages, stop=None, run_manager=None, tools=(), **kwargs):
        message = self._message(messages, tools)
        calls = [
            {"name": call["name"], "args": '{"a": 1, "b": 2}', "id": call["id"], "index": 0}
            for call in message.tool_calls
        ]
        for word in message.content.split(" "):
            chunk = AIMessageChunk(content=word + " ", tool_call_chunks=calls)
            calls = []
            yield ChatGenerationChunk(message=chunk)


class Total(BaseModel):
    """The total."""

    value: int


@pytest.fixture
def editor():
    return FakeAlignerLLM(lambda prompt: "the corrected answer")


@pytest.fixture
def agent(editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    return create_agent(
        Calculator(), tools=[add], system_prompt="Be brief.", middleware=[middleware]
    )


def check(messages):
    _, calling, result, final = messages
    assert (calling.content, result.content) == ("calling the tool", "3")
    assert "metaaligner" not in calling.response_metadata
    assert final.content == "the corrected answer"
    assert final.response_metadata["metaaligner"]["original"] == "the draft answer"
    assert final.usage_metadata == USAGE


def test_only_the_final_answer_is_rewritten(agent, editor):
    check(agent.invoke(QUESTION)["messages"])
    (prompts,) = editor.calls
    assert " | Query: 1+2? | Answer: the draft answer | Edit: " in prompts[0]
    assert "Be brief" not in prompts[0]


async def test_async(agent):
    check((await agent.ainvoke(QUESTION))["messages"])


def streamed(stream):
    return [part.content for part, _ in stream if isinstance(part, AIMessage) and part.content]


def test_no_draft_shows_in_the_message_stream(agent):
    shown = "".join(streamed(agent.stream(QUESTION, stream_mode="messages")))
    assert "the corrected answer" in shown
    assert "draft" not in shown


async def test_no_draft_shows_in_the_async_message_stream(agent):
    parts = [part async for part in agent.astream(QUESTION, stream_mode="messages")]
    assert "the corrected answer" in "".join(streamed(parts))
    assert "draft" not in "".join(streamed(parts))


def test_without_the_middleware_the_draft_would_show():
    agent = create_agent(Calculator(), tools=[add])
    assert "draft" in "".join(streamed(agent.stream(QUESTION, stream_mode="messages")))


def test_structured_responses_pass(editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(Calculator(), tools=[], response_format=Total, middleware=[middleware])
    assert agent.invoke(QUESTION)["structured_response"] == Total(value=3)
    assert editor.calls == []


def test_two_of_them_with_names_of_their_own(editor):
    loud = FakeAlignerLLM(lambda prompt: prompt.split(" | ")[-2].removeprefix("Answer: ").upper())
    agent = create_agent(
        Calculator(),
        tools=[add],
        middleware=[
            MetaAlignerMiddleware(name="second", objectives=["fair"], llm=loud),
            MetaAlignerMiddleware(name="first", objectives=["helpful"], llm=editor),
        ],
    )
    assert agent.invoke(QUESTION)["messages"][-1].content == "THE CORRECTED ANSWER"


def test_a_request_chooses_its_objectives(agent, editor):
    agent.invoke(QUESTION, {"configurable": {"objectives": ["honest"]}})
    assert "Honesty: the response" in editor.calls[0][0]


def test_a_failing_aligner_leaves_the_draft():
    def fail(prompt):
        raise RuntimeError("down")

    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=FakeAlignerLLM(fail))
    agent = create_agent(Calculator(), tools=[add], middleware=[middleware])
    final = agent.invoke(QUESTION)["messages"][-1]
    assert final.content == "the draft answer"
    assert final.response_metadata["metaaligner"]["reason"] == "error"


def test_an_agent_piped_into_the_aligner(editor):
    agent = create_agent(Calculator(), tools=[add])
    chain = agent | MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    check(chain.invoke(QUESTION)["messages"])


async def test_the_aligner_as_a_node_of_a_graph(editor):
    agent = create_agent(Calculator(), tools=[add])
    graph = (
        StateGraph(MessagesState)
        .add_node("agent", agent)
        .add_node("align", MetaAlignerRunnable(objectives=["helpful"], llm=editor))
        .add_edge(START, "agent")
        .add_edge("agent", "align")
        .add_edge("align", END)
        .compile()
    )
    check(graph.invoke(QUESTION)["messages"])
    check((await graph.ainvoke(QUESTION))["messages"])
