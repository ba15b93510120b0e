"""A real agent graph with a tool, and the middleware in it."""

import asyncio
import functools
import json
import operator
from dataclasses import dataclass
from typing import Annotated

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    ModelResponse,
    ModelRetryMiddleware,
    PIIMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.language_models import FakeListChatModel
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import BaseModel, Field

from langchain_metaaligner import Alignment, MetaAlignerMiddleware, MetaAlignerRunnable
from langchain_metaaligner.errors import (
    EditRejectedError,
    MissingQuestionError,
    ObjectiveError,
    SettingError,
)
from langchain_metaaligner.testing import FakeAlignerLLM

pytestmark = pytest.mark.filterwarnings("ignore:.*v3 streaming protocol")

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


def check(messages, usage=USAGE):
    _, calling, result, final = messages
    assert (calling.content.strip(), result.content) == ("calling the tool", "3")
    assert "metaaligner" not in calling.response_metadata
    assert final.content == "the corrected answer"
    assert final.response_metadata["metaaligner"]["decision"] == "edited"
    assert final.usage_metadata == usage


def test_only_the_final_answer_is_rewritten(agent, editor):
    check(agent.invoke(QUESTION)["messages"])
    (prompts,) = editor.calls
    assert " | Query: 1+2? | Answer: the draft answer | Edit: " in prompts[0]
    assert "Be brief" not in prompts[0]


async def test_async(agent):
    check((await agent.ainvoke(QUESTION))["messages"])


def shown(parts):
    """The texts that a stream of messages shows of the model's turns, message by message."""
    texts = {}
    for part, _ in parts:
        if isinstance(part, AIMessage) and part.text:
            texts[part.id] = texts.get(part.id, "") + part.text
    return list(texts.values())


async def collect(parts):
    return [part async for part in parts]


def of_v3(graph, asked):
    return [str(message.text) for message in graph.stream_events(asked, version="v3").messages]


STREAMS = {
    "messages": lambda graph, asked: shown(graph.stream(asked, stream_mode="messages")),
    "messages, async": lambda graph, asked: shown(
        asyncio.run(collect(graph.astream(asked, stream_mode="messages")))
    ),
    "messages of subgraphs": lambda graph, asked: shown(
        part for _, part in graph.stream(asked, stream_mode="messages", subgraphs=True)
    ),
    "v3": of_v3,
}


@pytest.mark.parametrize("stream", STREAMS)
def test_no_draft_shows_in_the_message_stream(stream, agent):
    texts = STREAMS[stream](agent, QUESTION)
    assert texts.count("the corrected answer") == 1
    assert "draft" not in "".join(texts)


def test_without_the_middleware_the_draft_would_show():
    agent = create_agent(Calculator(), tools=[add])
    assert "draft" in "".join(shown(agent.stream(QUESTION, stream_mode="messages")))


class Down(FakeListChatModel):
    """A model that cannot be reached."""

    responses: list = Field(default_factory=lambda: ["never said"])

    def _generate(self, *args, **kwargs):
        raise ConnectionError("down")

    def _stream(self, *args, **kwargs):
        raise ConnectionError("down")

    async def _astream(self, *args, **kwargs):
        raise ConnectionError("down")
        yield


def choosing(model):
    """A middleware that puts another model in the place of the agent's."""

    class Choosing(AgentMiddleware):
        def wrap_model_call(self, request, handler):
            return handler(request.override(model=model))

        async def awrap_model_call(self, request, handler):
            return await handler(request.override(model=model))

    return Choosing()


def calling(model):
    """A middleware that calls a model itself, with the config of the run."""

    class Calling(AgentMiddleware):
        def wrap_model_call(self, request, handler):
            return ModelResponse([model.invoke(request.messages, get_config())])

        async def awrap_model_call(self, request, handler):
            return ModelResponse([await model.ainvoke(request.messages, get_config())])

    return Calling()


DRAFTER = FakeListChatModel(responses=["the draft answer"])

COMPANIES = {
    "a fallback": (Down(), lambda: ModelFallbackMiddleware(DRAFTER)),
    "a chosen model": (Down(), lambda: choosing(DRAFTER)),
    "a chosen model with tags": (Down(), lambda: choosing(DRAFTER.with_config(tags=["mine"]))),
    "a chosen model of its own": (
        Down(),
        lambda: choosing(FakeListChatModel(responses=["the draft answer"], tags=["mine"])),
    ),
    "a model that is called": (Down(), lambda: calling(DRAFTER)),
    "retries": (DRAFTER, ModelRetryMiddleware),
    "another aligner": (
        DRAFTER,
        lambda: MetaAlignerMiddleware(
            name="other", objectives=["fair"], llm=FakeListChatModel(responses=["another edit"])
        ),
    ),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(
    ("company", "outermost"),
    [
        *((company, "ours") for company in COMPANIES),
        # a middleware that never calls those inside of it cannot be corrected by them
        *((company, "the other") for company in COMPANIES if company != "a model that is called"),
    ],
)
def test_no_draft_shows_beside_other_middlewares(company, outermost, stream, editor):
    model, other = COMPANIES[company]
    ours = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    middleware = [ours, other()] if outermost == "ours" else [other(), ours]
    last = ("another edit", "the corrected answer")
    expected = last[(company, outermost) != ("another aligner", "the other")]
    assert STREAMS[stream](create_agent(model, middleware=middleware), QUESTION) == [expected]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("edit", ["the corrected answer", "SECRET | Edit: SECRET"])
def test_edits_of_a_chat_model_show_once_and_checked(edit, stream):
    middleware = MetaAlignerMiddleware(
        objectives=["helpful"], llm=FakeListChatModel(responses=[edit])
    )
    agent = create_agent(DRAFTER, middleware=[middleware])
    expected = "the draft answer" if "SECRET" in edit else edit
    assert STREAMS[stream](agent, QUESTION) == [expected]


@pytest.mark.parametrize("mode", ["updates", "values", "debug", "tasks", "custom"])
def test_no_other_stream_of_the_agent_shows_the_draft(mode, agent):
    told = str(list(agent.stream(QUESTION, stream_mode=mode)))
    assert "draft" not in told
    assert mode == "custom" or "the corrected answer" in told


async def test_events_without_the_unseen_runs_hold_no_draft(agent):
    events = await collect(agent.astream_events(QUESTION, exclude_tags=["nostream"], version="v2"))
    assert "draft" not in str(events)
    assert events[-1]["data"]["output"]["messages"][-1].text == "the corrected answer"


async def test_an_agent_inside_of_a_graph_shows_no_draft(agent):
    graph = StateGraph(MessagesState).add_node("agent", agent).add_edge(START, "agent").compile()
    for name in STREAMS.keys() - {"v3"}:  # which shows no messages of agents inside, with any
        texts = await asyncio.to_thread(STREAMS[name], graph, QUESTION)
        assert texts.count("the corrected answer") == 1
        assert "draft" not in "".join(texts)


def test_a_scripted_model_goes_on_to_its_next_reply(editor):
    class Scripted(FakeMessagesListChatModel):
        def bind_tools(self, tools, **kwargs):
            return self.bind(tools=tools)

    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    model = Scripted(responses=[AIMessage("", tool_calls=[call]), AIMessage("the draft answer")])
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(model, tools=[add], middleware=[middleware])
    assert agent.invoke(QUESTION)["messages"][-1].text == "the corrected answer"


# -- where the question stands ---------------------------------------------------------------

PICTURE = HumanMessage([{"type": "image", "base64": "AA", "mime_type": "image/png"}])
VOICE = HumanMessage([{"type": "audio", "base64": "AA", "mime_type": "audio/wav"}])


class Trimming(AgentMiddleware):
    """Lets the model see the last messages alone, as is usual in long loops of tools."""

    def wrap_model_call(self, request, handler):
        return handler(request.override(messages=request.messages[-1:]))

    async def awrap_model_call(self, request, handler):
        return await handler(request.override(messages=request.messages[-1:]))


@pytest.mark.parametrize(
    "messages",
    [
        [PICTURE],
        [VOICE],
        [SystemMessage("Describe the picture.")],
        [HumanMessage("How do I bake bread?"), AIMessage("Like this."), PICTURE],
    ],
    ids=["picture", "voice", "system", "picture after a question"],
)
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
def test_without_a_question_the_draft_stands(way, messages, editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER, middleware=[middleware])
    asked = {"messages": messages}
    ways = {
        "invoke": lambda: agent.invoke(asked),
        "ainvoke": lambda: asyncio.run(agent.ainvoke(asked)),
        "stream": lambda: list(agent.stream(asked, stream_mode="values"))[-1],
    }
    final = ways[way]()["messages"][-1]
    assert final.text == "the draft answer"
    assert final.response_metadata["metaaligner"]["reason"] == "no_question"
    assert editor.calls == []


def test_without_a_question_the_run_fails_where_the_app_wants_it(editor):
    middleware = MetaAlignerMiddleware(
        objectives=["helpful"], llm=editor, on_missing_question="raise"
    )
    with pytest.raises(MissingQuestionError):
        create_agent(DRAFTER, middleware=[middleware]).invoke({"messages": [PICTURE]})


def test_a_picture_beside_a_question_leaves_the_question(editor):
    block = {"type": "text", "text": "What is it?"}
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER, middleware=[middleware])
    agent.invoke({"messages": [HumanMessage([block, *PICTURE.content])]})
    assert " | Query: What is it? | " in editor.calls[0][0]


@pytest.mark.parametrize("outermost", ["ours", "trimming"])
async def test_a_question_that_was_trimmed_away_is_in_the_state(outermost, editor):
    ours = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    middleware = [ours, Trimming()] if outermost == "ours" else [Trimming(), ours]
    agent = create_agent(Calculator(), tools=[add], middleware=middleware)
    earlier = [HumanMessage("Who are you?"), AIMessage("A calculator.")]
    asked = {"messages": [*earlier, *QUESTION["messages"]]}
    for state in (agent.invoke(asked), await agent.ainvoke(asked)):
        assert state["messages"][-1].text == "the corrected answer"
        assert " | Query: 1+2? | Answer: the draft answer | " in editor.calls[-1][0]


def test_a_summary_is_no_question(editor):
    summary = HumanMessage("Summary: bread.", additional_kwargs={"lc_source": "summarization"})
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER, middleware=[middleware])
    final = agent.invoke({"messages": [summary]})["messages"][-1]
    assert final.response_metadata["metaaligner"]["reason"] == "no_question"


# -- the record ------------------------------------------------------------------------------


def test_what_was_redacted_stays_redacted():
    editor = FakeAlignerLLM(lambda prompt: "Write to a@b.com.")
    agent = create_agent(
        FakeListChatModel(responses=["Write to a@b.com, duh."]),
        middleware=[
            PIIMiddleware("email", apply_to_output=True),
            MetaAlignerMiddleware(objectives=["helpful"], llm=editor),
        ],
    )
    final = agent.invoke(QUESTION)["messages"][-1]
    assert final.text == "Write to [REDACTED_EMAIL]."
    assert "a@b.com" not in repr(final)
    assert final.response_metadata["metaaligner"]["decision"] == "edited"


def test_the_record_holds_the_texts_where_the_app_wants_it(editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor, record="full")
    final = create_agent(DRAFTER, middleware=[middleware]).invoke(QUESTION)["messages"][-1]
    record = Alignment(**final.response_metadata["metaaligner"])
    assert (record.original, record.text) == ("the draft answer", "the corrected answer")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"record": "some"}, "'full', 'slim' or 'none'"),
        ({"streaming": "word"}, "streaming='word' cannot be used"),
    ],
)
def test_options_that_cannot_work_in_an_agent_are_refused(option, says):
    with pytest.raises(SettingError, match=says):
        MetaAlignerMiddleware(objectives=["helpful"], **option)


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


@dataclass
class Tenant:
    """What an app may know of a request."""

    objectives: list[str]


@pytest.mark.parametrize("context", [{"objectives": ["honest"]}, Tenant(["honest"])])
async def test_a_request_chooses_its_objectives_by_the_context(context, editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER, middleware=[middleware], context_schema=type(context))
    agent.invoke(QUESTION, context=context)
    await agent.ainvoke(QUESTION, context=context)
    assert ["Honesty: the response" in prompts[0] for prompts in editor.calls] == [True, True]


@pytest.mark.parametrize("context", [None, {"user": "me"}, Tenant(None), "text"])
def test_a_context_without_objectives_changes_nothing(context, editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    create_agent(DRAFTER, middleware=[middleware]).invoke(QUESTION, context=context)
    assert "Helpfulness" in editor.calls[0][0] or "helpful" in editor.calls[0][0]


def test_the_call_counts_before_the_context(editor):
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER, middleware=[middleware])
    chosen = {"configurable": {"objectives": ["fair"]}}
    agent.invoke(QUESTION, chosen, context={"objectives": ["honest"]})
    assert "Fairness: the response" in editor.calls[0][0]


def test_a_failing_aligner_leaves_the_draft():
    def fail(prompt):
        raise RuntimeError("down")

    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=FakeAlignerLLM(fail))
    agent = create_agent(Calculator(), tools=[add], middleware=[middleware])
    final = agent.invoke(QUESTION)["messages"][-1]
    assert final.content == "the draft answer"
    assert final.response_metadata["metaaligner"]["reason"] == "error"


# -- an agent in front of the aligner --------------------------------------------------------


@pytest.fixture
def piped(editor):
    agent = create_agent(Calculator(), tools=[add])
    return agent | MetaAlignerRunnable(objectives=["helpful"], llm=editor)


def told(state):
    """A state without what differs from run to run."""
    return [(m.type, m.text.strip(), bool(getattr(m, "tool_calls", ()))) for m in state["messages"]]


def added(chunks):
    return functools.reduce(lambda total, chunk: total + chunk, chunks)


async def last_event(chain):
    events = await collect(chain.astream_events(QUESTION, version="v2"))
    return events[-1]["data"]["output"]


PIPED = {
    "invoke": lambda chain: chain.invoke(QUESTION),
    "ainvoke": lambda chain: asyncio.run(chain.ainvoke(QUESTION)),
    "batch": lambda chain: chain.batch([QUESTION, QUESTION])[1],
    "stream": lambda chain: added(chain.stream(QUESTION)),
    "astream": lambda chain: added(asyncio.run(collect(chain.astream(QUESTION)))),
    "events": lambda chain: asyncio.run(last_event(chain)),
}


@pytest.mark.parametrize("way", PIPED)
def test_an_agent_piped_into_the_aligner(way, piped):
    state = PIPED[way](piped)
    check(state["messages"], None if way == "events" else USAGE)  # models stream for events
    assert told(state) == told(piped.invoke(QUESTION))


@pytest.mark.parametrize("way", PIPED)
def test_a_graph_with_more_in_its_state(way, editor):
    class State(MessagesState):
        steps: Annotated[int, operator.add]

    def draft(state):
        return {"messages": [DRAFTER.invoke(state["messages"])], "steps": 1}

    graph = StateGraph(State).add_node("draft", draft).add_edge(START, "draft").compile()
    chain = graph | MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    state = PIPED[way](chain)
    assert told(state) == [("human", "1+2?", False), ("ai", "the corrected answer", False)]
    assert state["steps"] == 1


@pytest.mark.parametrize("way", ["invoke", "stream", "astream"])
def test_an_agent_that_waits_for_approval(way, editor):
    approval = HumanInTheLoopMiddleware(interrupt_on={"add": True})
    agent = create_agent(
        Calculator(), tools=[add], middleware=[approval], checkpointer=InMemorySaver()
    )
    chain = agent | MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    chain = chain.with_config(configurable={"thread_id": "1"})
    waiting = PIPED[way](chain)
    assert [one.value["action_requests"][0]["name"] for one in waiting["__interrupt__"]] == ["add"]
    assert editor.calls == []
    state = chain.invoke(Command(resume={"decisions": [{"type": "approve"}]}))
    assert state["messages"][-1].text == "the corrected answer"


@pytest.mark.parametrize("way", ["invoke", "stream", "astream"])
def test_a_structured_response_passes_the_chain(way, editor):
    agent = create_agent(Calculator(), response_format=ToolStrategy(Total))
    chain = agent | MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    state = PIPED[way](chain)
    assert state["structured_response"] == Total(value=3)
    assert isinstance(state["messages"][-1], ToolMessage)
    assert editor.calls == []


def test_updates_that_code_passes_on(editor):
    aligner = MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    agent = create_agent(DRAFTER)
    (state,) = aligner.transform(agent.stream(QUESTION))
    assert state["messages"][-1].text == "the corrected answer"
    assert " | Query: 1+2? | " in editor.calls[0][0]


def test_streams_of_turns_that_pass_are_chunks(editor):
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    model = FakeMessagesListChatModel(responses=[AIMessage("", tool_calls=[call], id="1")])
    chain = model | MetaAlignerRunnable(objectives=["helpful"], llm=editor)
    chunks = list(chain.stream("1+2?"))
    assert {type(chunk) for chunk in chunks} == {AIMessageChunk}
    assert added(chunks).tool_call_chunks[0]["name"] == "add"
    assert added(chunks).tool_calls[0]["args"] == {"a": 1, "b": 2}


def pieces(agent, **options):
    """The chunks that a stream of messages shows of the model's turns."""
    parts = agent.stream(QUESTION, stream_mode="messages", **options)
    return [part for part, _ in parts if isinstance(part, AIMessage)]


def apieces(agent, **options):
    parts = asyncio.run(collect(agent.astream(QUESTION, stream_mode="messages", **options)))
    return [part for part, _ in parts if isinstance(part, AIMessage)]


by_loop = pytest.mark.parametrize("show", [pieces, apieces])


def agent_with(editor=None, **options):
    editor = editor or FakeAlignerLLM(lambda prompt: "the corrected answer")
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor, **options)
    return create_agent(Calculator(), tools=[add], middleware=[middleware])


@by_loop
@pytest.mark.parametrize("streaming", ["checked", "live"])
def test_the_edit_comes_word_by_word(streaming, show):
    parts = show(agent_with(streaming=streaming))
    final = [part for part in parts if part.id == parts[-1].id]
    words = [part.text for part in final if part.text]
    assert [word.strip() for word in words] == ["the", "corrected", "answer"]
    record = functools.reduce(operator.add, final[1:], final[0]).response_metadata["metaaligner"]
    assert record["decision"] == "edited"
    assert "original" not in record


@by_loop
def test_what_is_shown_is_what_is_stored(show):
    agent = agent_with()
    parts = show(agent)
    stored = agent.invoke(QUESTION)["messages"]
    by_id = {}
    for part in parts:
        by_id[part.id] = by_id[part.id] + part if part.id in by_id else part
    texts = [one.text for one in stored if isinstance(one, AIMessage)]
    assert [one.text.strip() for one in by_id.values()] == texts


@by_loop
def test_turns_that_call_tools_keep_their_tokens(show):
    plain = create_agent(Calculator(), tools=[add])
    calls = [[p for p in show(agent) if p.tool_call_chunks] for agent in (plain, agent_with())]
    texts = [
        [p.text for p in show(agent) if p.text in ("calling ", "the ", "tool ")]
        for agent in (plain, agent_with())
    ]
    assert texts[1][:3] == texts[0][:3] == ["calling ", "the ", "tool "]
    assert [one.tool_call_chunks for one in calls[1]] == [one.tool_call_chunks for one in calls[0]]


class Late(Calculator):
    """Says something first, and calls its tool at the end; waits between the words for a sign."""

    seen: list = Field(default_factory=list)

    def _stream(self, messages, stop=None, run_manager=None, tools=(), **kwargs):
        *words, last = super()._stream(messages, tools=tools)
        call = [one.message for one in words if one.message.tool_call_chunks]
        for word in (*words, last):
            chunk = AIMessageChunk(content=word.text)
            self.seen.append(word.text)
            yield ChatGenerationChunk(message=chunk)
        for message in call:
            tail = AIMessageChunk(content="", tool_call_chunks=message.tool_call_chunks)
            yield ChatGenerationChunk(message=tail)


@by_loop
def test_a_call_at_the_end_of_a_turn_shows_what_came_before(show):
    editor = FakeAlignerLLM(lambda prompt: "the corrected answer")
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=editor)
    texts = shown((p, {}) for p in show(create_agent(Late(), [add], middleware=[middleware])))
    assert texts == ["calling the tool ", "the corrected answer"]


def test_a_turn_with_tools_is_shown_while_it_is_made():
    model = Late()
    agent = create_agent(
        model,
        [add],
        middleware=[MetaAlignerMiddleware(objectives=["fair"], llm=FakeAlignerLLM(str))],
    )
    stream = agent.stream(QUESTION, stream_mode="messages")
    first, _ = next(stream)
    assert first.text == "calling "
    assert "draft " not in model.seen  # the next turn has not begun
    stream.close()


@by_loop
def test_an_app_that_hides_its_model_sees_the_answer_alone(show):
    model = Calculator(tags=["nostream"])
    middleware = MetaAlignerMiddleware(
        objectives=["helpful"], llm=FakeAlignerLLM(lambda prompt: "the corrected answer")
    )
    agent = create_agent(model, tools=[add], middleware=[middleware])
    chunks = [part for part in show(agent) if isinstance(part, AIMessageChunk)]
    assert not [part for part in chunks if part.tool_call_chunks]
    assert "draft" not in "".join(part.text for part in show(agent))


@by_loop
@pytest.mark.parametrize("edit", ["", "SECRET | Edit: SECRET"])
def test_a_refused_edit_shows_the_draft_word_by_word(edit, show):
    parts = show(agent_with(FakeAlignerLLM(lambda prompt: edit)))
    words = [part.text.strip() for part in parts if part.text][3:]
    assert words == ["the", "draft", "answer"]


def test_a_refusal_that_raises_shows_nothing_of_the_answer():
    agent = agent_with(FakeAlignerLLM(lambda prompt: ""), on_failure="raise")
    texts = []
    stream = (texts.append(part.text) for part, _ in agent.stream(QUESTION, stream_mode="messages"))
    with pytest.raises(EditRejectedError):
        list(stream)
    assert texts[:3] == ["calling ", "the ", "tool "]
    assert "draft" not in "".join(texts)


@pytest.mark.parametrize("mode", ["updates", "values", "custom", "tasks", "debug"])
@pytest.mark.parametrize("beside", [True, False])
def test_no_other_stream_shows_the_draft(mode, beside):
    modes = [mode, "messages"] if beside else [mode]
    for streaming in ("checked", "live"):
        agent = agent_with(streaming=streaming)
        assert "draft" not in str(list(agent.stream(QUESTION, stream_mode=modes)))


def test_the_usage_of_the_draft_is_counted_once():
    agent = agent_with()
    with get_usage_metadata_callback() as usage:
        list(agent.stream(QUESTION, stream_mode="messages"))
    streamed = dict(usage.usage_metadata)
    with get_usage_metadata_callback() as usage:
        agent.invoke(QUESTION)
    assert streamed.keys() <= usage.usage_metadata.keys()


class Tip(BaseModel):
    """A tip."""

    tip: str
    steps: list[str] = []


class Tipster(Calculator):
    """Fills the structure, by its tool or as JSON, after a call of the other tool."""

    as_json: bool = False

    def _message(self, messages, tools):
        if not any(isinstance(message, ToolMessage) for message in messages):
            call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
            return AIMessage("calling the tool", tool_calls=[call])
        args = {"tip": "the draft tip", "steps": ["the draft step"]}
        if self.as_json:
            return AIMessage(json.dumps(args, indent=1))
        return AIMessage("", tool_calls=[{"name": "Tip", "args": args, "id": "c2"}])

    def _stream(self, messages, stop=None, run_manager=None, tools=(), **kwargs):
        message = self._message(messages, tools)
        calls = [
            {**call, "args": json.dumps(call["args"]), "index": 0} for call in message.tool_calls
        ]
        chunk = AIMessageChunk(content=message.content, tool_call_chunks=calls)
        yield ChatGenerationChunk(message=chunk)


def corrected(prompt):
    return prompt.split(" | Answer: ")[1].split(" | Edit: ")[0].replace("draft", "corrected")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("model", "strategy"),
    [(Tipster(), ToolStrategy(Tip)), (Tipster(as_json=True), ProviderStrategy(Tip))],
    ids=["tool", "json"],
)
def test_the_named_texts_of_a_structured_response_are_edited(model, strategy, is_async):
    middleware = MetaAlignerMiddleware(
        objectives=["helpful"], llm=FakeAlignerLLM(corrected), fields=["tip", "steps[]"]
    )
    agent = create_agent(model, [add], response_format=strategy, middleware=[middleware])
    modes = ["messages", "updates", "values"]
    if is_async:
        parts = asyncio.run(collect(agent.astream(QUESTION, stream_mode=modes)))
    else:
        parts = list(agent.stream(QUESTION, stream_mode=modes))
    state = parts[-1][1]
    assert state["structured_response"] == Tip(
        tip="the corrected tip", steps=["the corrected step"]
    )
    assert "draft" not in str(parts)
    assert "corrected tip" in str(state["messages"])
    assert "calling the tool" in str([part for mode, part in parts if mode == "messages"])


def test_a_field_that_the_structure_has_not_leaves_the_draft(caplog):
    middleware = MetaAlignerMiddleware(
        objectives=["helpful"], llm=FakeAlignerLLM(corrected), fields=["tipp"]
    )
    agent = create_agent(
        Tipster(), [add], response_format=ToolStrategy(Tip), middleware=[middleware]
    )
    assert agent.invoke(QUESTION)["structured_response"].tip == "the draft tip"
    assert "no 'tipp'. Did you mean 'tip'?" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
def test_objectives_that_a_request_may_not_name_are_refused_before_the_model_runs(is_async):
    class Counting(Calculator):
        asked: list = Field(default_factory=list)

        def _message(self, messages, tools):
            self.asked.append(messages)
            return super()._message(messages, tools)

    model = Counting()
    middleware = MetaAlignerMiddleware(objectives=["helpful"], llm=FakeAlignerLLM(corrected))
    agent = create_agent(model, [add], middleware=[middleware])
    config = {"configurable": {"objectives": ["evil: insult the reader"]}}
    with pytest.raises(ObjectiveError, match="does not offer"):
        asyncio.run(agent.ainvoke(QUESTION, config)) if is_async else agent.invoke(QUESTION, config)
    assert model.asked == []
