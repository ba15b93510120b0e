"""The question of an answer is found in every kind of chain, and never a wrong one."""

import asyncio
import gc
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.caches import InMemoryCache
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListChatModel, FakeListLLM, GenericFakeChatModel
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_metaaligner.edit import question as upstream
from langchain_metaaligner.errors import MissingQuestionError

PROMPT = ChatPromptTemplate.from_messages([("system", "S"), ("human", "{q}")])
QUESTIONS = [f"q{i}" for i in range(100)]
INPUTS = [{"q": question} for question in QUESTIONS]
SAME = [f"<{question}||same>" for question in QUESTIONS]
SIXTEEN = {"max_concurrency": 16}


def text(value):
    return value.text if isinstance(value, BaseMessage) else value


def joined(chunks):
    return "".join(text(chunk) for chunk in chunks)


async def collect(chunks):
    return [chunk async for chunk in chunks]


def by_index(numbered):
    results = dict(numbered)
    return [results[index] for index in range(len(results))]


def ask(q):
    return RunnableLambda(lambda _: {"q": q}) | PROMPT


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()
    assert upstream.pending() == {"runs": 0, "messages": 0}


# -- one answer, through every way of calling a chain ----------------------------------------

CHAINS = {
    "chat model": (lambda aligner, model: PROMPT | model() | aligner, "<a||r:a>"),
    "text": (lambda aligner, model: PROMPT | model() | StrOutputParser() | aligner, "<a||r:a>"),
    "changed text": (
        lambda aligner, model: PROMPT | model() | (lambda m: f"{m.text} !") | aligner,
        "<a||r:a !>",
    ),
    "rebuilt message": (
        lambda aligner, model: PROMPT | model() | (lambda m: AIMessage(m.text)) | aligner,
        "<a||r:a>",
    ),
    "fallback model": (
        lambda aligner, model: (
            PROMPT | model(failures=99).with_fallbacks([model(fixed="fb")]) | aligner
        ),
        "<a||fb>",
    ),
    "bound model": (lambda aligner, model: PROMPT | model().bind(stop=["x"]) | aligner, "<a||r:a>"),
    "retried pair": (lambda aligner, model: PROMPT | (model() | aligner).with_retry(), "<a||r:a>"),
    "retried aligner": (
        lambda aligner, model: PROMPT | model() | aligner.with_retry().with_config(tags=["t"]),
        "<a||r:a>",
    ),
    "branch": (
        lambda aligner, model: (
            RunnableBranch((lambda _: True, PROMPT | model()), PROMPT | model(fixed="no")) | aligner
        ),
        "<a||r:a>",
    ),
    "chain called in a lambda": (
        lambda aligner, model: RunnableLambda(lambda d: (PROMPT | model()).invoke(d)) | aligner,
        "<a||r:a>",
    ),
    "aligner called in a lambda": (
        lambda aligner, model: PROMPT | model() | (lambda m: aligner.invoke(m)),
        "<a||r:a>",
    ),
    "two models in sequence": (
        lambda aligner, model: (
            PROMPT | model() | (lambda m: {"q": f"refine {m.text}"}) | PROMPT | model() | aligner
        ),
        "<refine r:a||r:refine r:a>",
    ),
    "two models that reply the same": (
        lambda aligner, model: (
            PROMPT
            | model(fixed="same")
            | (lambda m: {"q": f"refine {m.text}"})
            | PROMPT
            | model(fixed="same", jitter=0.001)
            | StrOutputParser()
            | aligner
        ),
        "<refine same||same>",
    ),
    "one of two models, by message": (
        lambda aligner, model: (
            RunnableParallel(a=ask("A") | model(fixed="s"), b=ask("B") | model(fixed="s"))
            | (lambda d: d["b"])
            | aligner
        ),
        "<B||s>",
    ),
    "one of two models, by text": (
        lambda aligner, model: (
            RunnableParallel(a=ask("A") | model(), b=ask("B") | model())
            | (lambda d: d["b"].text)
            | aligner
        ),
        "<B||r:B>",
    ),
}

WAYS = {
    "invoke": lambda chain, value: chain.invoke(value),
    "ainvoke": lambda chain, value: asyncio.run(chain.ainvoke(value)),
    "stream": lambda chain, value: joined(chain.stream(value)),
    "astream": lambda chain, value: joined(asyncio.run(collect(chain.astream(value)))),
    "batch": lambda chain, value: chain.batch([value])[0],
    "abatch": lambda chain, value: asyncio.run(chain.abatch([value]))[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", CHAINS)
def test_chain(shape, way, aligner, echo):
    build, edit = CHAINS[shape]
    assert text(WAYS[way](build(aligner, echo), {"q": "a"})) == edit


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "batch", "abatch"])
def test_model_that_is_retried(way, aligner, echo):
    model = echo(failures=2).with_retry(stop_after_attempt=4, wait_exponential_jitter=False)
    assert WAYS[way](PROMPT | model | aligner, {"q": "a"}).text == "<a||r:a>"


@pytest.mark.parametrize(
    "model",
    [
        lambda: FakeListChatModel(responses=["hi"]),
        lambda: FakeListLLM(responses=["hi"]),
        lambda: FakeMessagesListChatModel(responses=[AIMessage("hi", id="fixed")]),
        lambda: GenericFakeChatModel(messages=iter([AIMessage("hi")])),
    ],
    ids=["list", "text", "shared message", "generic"],
)
@pytest.mark.parametrize("way", WAYS)
def test_model_without_a_prompt_template(model, way, aligner):
    assert text(WAYS[way](model() | aligner, "q1")) == "<q1||hi>"


# -- many answers at a time ------------------------------------------------------------------


@pytest.mark.parametrize("parse", [False, True], ids=["message", "text"])
@pytest.mark.parametrize("way", ["batch", "abatch", "batch_as_completed", "threads", "gather"])
def test_identical_replies_stay_apart(way, parse, aligner, echo):
    model = echo(jitter=0.01, fixed="same")
    chain = PROMPT | (model | StrOutputParser() if parse else model) | aligner

    async def gather():
        return await asyncio.gather(*map(chain.ainvoke, INPUTS))

    def threads():
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(chain.invoke, INPUTS))

    edits = {
        "batch": lambda: chain.batch(INPUTS, SIXTEEN),
        "abatch": lambda: asyncio.run(chain.abatch(INPUTS, SIXTEEN)),
        "batch_as_completed": lambda: by_index(chain.batch_as_completed(INPUTS, SIXTEEN)),
        "threads": threads,
        "gather": lambda: asyncio.run(gather()),
    }[way]()
    assert [text(edit) for edit in edits] == SAME


def test_a_message_object_shared_by_threads(aligner):
    model = FakeMessagesListChatModel(responses=[AIMessage("same", id="fixed")])
    chain = PROMPT | model | aligner
    with ThreadPoolExecutor(16) as pool:
        assert [edit.text for edit in pool.map(chain.invoke, INPUTS)] == SAME


def test_batch_of_a_text_model(aligner):
    chain = FakeListLLM(responses=["same"]) | aligner
    assert chain.batch(QUESTIONS) == SAME


def test_assign_in_a_batch(aligner, echo):
    chain = RunnablePassthrough.assign(answer=PROMPT | echo(fixed="same", jitter=0.01) | aligner)
    assert [row["answer"].text for row in chain.batch(INPUTS)] == SAME


def test_parallel_branches_that_end_in_an_aligner(aligner, echo):
    branch = PROMPT | echo(fixed="s", jitter=0.01) | aligner
    longer = RunnableLambda(lambda d: {"q": d["q"] + "C"}) | branch
    edits = RunnableParallel(a=branch, b=branch, c=longer).invoke({"q": "x"})
    assert {key: edit.text for key, edit in edits.items()} == {
        "a": "<x||s>",
        "b": "<x||s>",
        "c": "<xC||s>",
    }


def test_map(aligner, echo):
    chain = (PROMPT | echo()).map() | aligner.map()
    assert [edit.text for edit in chain.invoke(INPUTS[:5])] == [f"<q{i}||r:q{i}>" for i in range(5)]


# -- other ways to get an answer -------------------------------------------------------------


def test_streaming_model_gives_a_streamed_edit(aligner, streaming_echo):
    chain = PROMPT | streaming_echo(fixed="one two three") | aligner
    chunks = list(chain.stream({"q": "abc def"}))
    assert len(chunks) > 3
    assert joined(chunks) == "<abc def||one two three>"


@pytest.mark.parametrize("parse", [False, True], ids=["message", "text"])
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_streaming_model(way, parse, aligner, streaming_echo):
    model = streaming_echo() | StrOutputParser() if parse else streaming_echo()
    assert WAYS[way](PROMPT | model | aligner, {"q": "abcdef"}) == "<abcdef||r:abcdef>"


async def test_event_stream(aligner, streaming_echo):
    chain = PROMPT | streaming_echo() | aligner
    events = await collect(chain.astream_events({"q": "abc"}, version="v2"))
    chunks = [
        event["data"]["chunk"]
        for event in events
        if event["event"] == "on_chain_stream" and event["name"] == aligner.get_name()
    ]
    assert joined(chunks) == "<abc||r:abc>"
    assert events[-1]["data"]["output"].text == "<abc||r:abc>"


async def test_event_stream_around_an_inner_chain(aligner, streaming_echo):
    chain = PROMPT | streaming_echo() | aligner

    async def call(value, config):
        return await chain.ainvoke(value, config)

    events = await collect(RunnableLambda(call).astream_events({"q": "abc"}, version="v2"))
    assert events[-1]["data"]["output"].text == "<abc||r:abc>"


async def test_async_lambdas_that_pass_no_config(aligner, echo):
    model = PROMPT | echo()

    async def draft(value):
        return await model.ainvoke(value)

    async def edit(message):
        return await aligner.ainvoke(message)

    chain = RunnableLambda(draft) | RunnableLambda(edit)
    assert (await chain.ainvoke({"q": "a"})).text == "<a||r:a>"


async def test_async_lambda_that_gives_a_text(aligner, echo):
    model = PROMPT | echo()

    async def draft(value):
        return (await model.ainvoke(value)).text

    assert await (RunnableLambda(draft) | aligner).ainvoke({"q": "a"}) == "<a||r:a>"


@pytest.mark.parametrize("parse", [False, True], ids=["message", "text"])
def test_second_aligner_sees_the_first_question(parse, make_aligner, echo):
    between = StrOutputParser() if parse else RunnablePassthrough()
    chain = PROMPT | echo() | make_aligner() | between | make_aligner()
    assert text(chain.invoke({"q": "a"})) == "<a||<a||r:a>>"


def test_calls_without_a_chain(aligner, echo):
    assert aligner.invoke(echo().invoke([HumanMessage("z")])).text == "<z||r:z>"


def test_question_that_is_given_needs_no_capture(aligner, echo):
    chain = {"prompt": RunnablePassthrough(), "response": echo()} | aligner
    assert chain.invoke("a")["response"].text == "<a||r:a>"


def test_tool_calls_pass_through(aligner):
    turn = AIMessage("", tool_calls=[{"name": "t", "args": {}, "id": "1"}])
    chain = PROMPT | FakeMessagesListChatModel(responses=[turn]) | aligner
    assert chain.invoke({"q": "a"}).tool_calls[0]["name"] == "t"


def test_cached_reply(aligner, echo):
    model = echo()
    set_llm_cache(InMemoryCache())
    try:
        first, second = (PROMPT | model | aligner).batch([{"q": "a"}] * 2, {"max_concurrency": 1})
        draft = (PROMPT | model).invoke({"q": "a"})
    finally:
        set_llm_cache(None)
    assert (first.text, second.text, draft.text) == ("<a||r:a>", "<a||r:a>", "r:a")


@pytest.mark.parametrize("way", WAYS)
def test_cached_reply_of_a_text_model(way, aligner):
    chain = PROMPT | FakeListLLM(responses=["hi"]) | StrOutputParser() | aligner
    set_llm_cache(InMemoryCache())
    try:
        edits = [WAYS[way](chain, {"q": question}) for question in "abab"]
        batch = (FakeListLLM(responses=["hi"]) | aligner).batch(["a", "b", "a"])
        again = (FakeListLLM(responses=["hi"]) | aligner).batch(["c", "b", "a"])
    finally:
        set_llm_cache(None)
    asked = [f"<System: S\nHuman: {question}||hi>" for question in "abab"]
    assert edits == asked
    assert batch == ["<a||hi>", "<b||hi>", "<a||hi>"]
    assert again == ["<c||hi>", "<b||hi>", "<a||hi>"]


def test_cached_reply_in_code_leaves_the_draft(aligner):
    """Nothing is heard of it there, so its question is not known; and no other is taken."""
    model = FakeListLLM(responses=["hi"])
    lenient = aligner.model_copy(update={"on_missing_question": "original"})

    def code(question):
        return lenient.invoke(model.invoke(question))

    set_llm_cache(InMemoryCache())
    try:
        edits = [RunnableLambda(code).invoke(question) for question in "ab" * 2]
    finally:
        set_llm_cache(None)
    assert edits == ["<a||hi>", "<b||hi>", "hi", "hi"]


def test_message_history(aligner, echo):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainDeprecationWarning)
        history = InMemoryChatMessageHistory()
        chain = RunnableWithMessageHistory(echo() | aligner, lambda session_id: history)
    edit = chain.invoke([HumanMessage("hey")], {"configurable": {"session_id": "1"}})
    assert edit.text == "<hey||r:hey>"
    assert history.messages[-1].text == "<hey||r:hey>"


# -- where the question cannot be known ------------------------------------------------------


def test_text_that_two_models_wrote(aligner, echo):
    both = RunnableParallel(a=ask("A") | echo(fixed="s"), b=ask("B") | echo(fixed="s"))
    with pytest.raises(MissingQuestionError):
        (both | (lambda d: d["a"].text) | aligner).invoke({})


def test_text_that_no_model_wrote(aligner, echo):
    chain = PROMPT | echo() | (lambda _: "Our office is closed.") | aligner
    with pytest.raises(MissingQuestionError):
        chain.invoke({"q": "a"})


def test_message_that_no_model_wrote(aligner):
    with pytest.raises(MissingQuestionError):
        (RunnableLambda(lambda _: AIMessage("z")) | aligner).invoke("a")


# -- LangGraph -------------------------------------------------------------------------------


@pytest.fixture
def graph():
    """Makes a graph of nodes in a row; options go to ``compile``."""
    langgraph = pytest.importorskip("langgraph.graph")

    def build(*nodes, state=langgraph.MessagesState, **options):
        builder = langgraph.StateGraph(state)
        names = [f"node{i}" for i in range(len(nodes))]
        for name, node in zip(names, nodes, strict=True):
            builder.add_node(name, node)
        for edge in zip([langgraph.START, *names], [*names, langgraph.END], strict=True):
            builder.add_edge(*edge)
        return builder.compile(**options)

    return build


@pytest.fixture
def saver():
    return pytest.importorskip("langgraph.checkpoint.memory").InMemorySaver()


def drafting(model):
    return lambda state: {"messages": [model.invoke(state["messages"])]}


def editing(aligner):
    return lambda state: {"messages": [aligner.invoke(state["messages"][-1])]}


QUESTION = {"messages": [HumanMessage("lg")]}
THREAD = {"configurable": {"thread_id": "1"}}


def test_graph_with_a_chain_in_one_node(graph, aligner, echo):
    messages = graph(drafting(echo() | aligner)).invoke(QUESTION)["messages"]
    assert [message.text for message in messages] == ["lg", "<lg||r:lg>"]


def test_graph_with_an_aligning_node(graph, aligner, echo):
    messages = graph(drafting(echo()), editing(aligner)).invoke(QUESTION)["messages"]
    assert [message.text for message in messages] == ["lg", "<lg||r:lg>"]


async def test_graph_with_async_nodes(graph, saver, aligner, echo):
    model = echo()

    async def draft(state):
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def edit(state):
        return {"messages": [await aligner.ainvoke(state["messages"][-1])]}

    state = await graph(draft, edit, checkpointer=saver).ainvoke(QUESTION, THREAD)
    assert state["messages"][-1].text == "<lg||r:lg>"


def test_graph_with_a_text_in_its_state(graph, aligner, echo):
    model = PROMPT | echo() | StrOutputParser()
    app = graph(
        lambda state: {**state, "answer": model.invoke({"q": state["q"]})},
        lambda state: {**state, "answer": aligner.invoke(state["answer"])},
        state=dict,
    )
    assert app.invoke({"q": "a"})["answer"] == "<a||r:a>"


def test_graph_in_a_graph(graph, aligner, echo):
    messages = graph(graph(drafting(echo())), editing(aligner)).invoke(QUESTION)["messages"]
    assert messages[-1].text == "<lg||r:lg>"


def test_graph_resumed_with_its_messages(graph, saver, aligner, echo):
    whole = lambda state: aligner.invoke({"messages": state["messages"]})  # noqa: E731
    app = graph(drafting(echo()), whole, checkpointer=saver, interrupt_before=["node1"])
    app.invoke(QUESTION, THREAD)
    assert app.invoke(None, THREAD)["messages"][-1].text == "<lg||r:lg>"


def test_graph_resumed_with_the_answer_alone(graph, saver, aligner, echo):
    app = graph(drafting(echo()), editing(aligner), checkpointer=saver, interrupt_before=["node1"])
    app.invoke(QUESTION, THREAD)
    gc.collect()
    with pytest.raises(MissingQuestionError):
        app.invoke(None, THREAD)


def test_graph_that_streams_messages(graph, aligner, streaming_echo):
    model = streaming_echo().with_config(tags=["nostream"])
    app = graph(drafting(model | aligner))
    streamed = [message for message, _ in app.stream(QUESTION, stream_mode="messages")]
    assert joined(message for message in streamed if message.type.startswith(("ai", "AI"))) == (
        "<lg||r:lg>"
    )
