import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from unittest.mock import Mock

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, FakeListChatModel, FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough, RunnableSerializable
from langchain_core.tools import tool
from langchain_core.tracers import context as tracers

from langchain_metaaligner.edit import question as upstream
from langchain_metaaligner.edit import runs

NOTHING = {"runs": 0, "messages": 0}


class Finder(RunnableSerializable):
    """Gives the question that it finds for its input, or None."""

    def model_post_init(self, context, /):
        upstream.watch(self)

    def invoke(self, input, config=None, **kwargs):
        return self._call_with_config(self._find, input, config)

    def _find(self, value, run_manager):
        found = upstream.find(run_manager.run_id, value)
        return found and found[-1].text


class Model(BaseChatModel):
    """Replies ``r:`` and the last message, as often as ``n`` says."""

    n: int = 1
    broken: bool = False

    @property
    def _llm_type(self):
        return "model"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if self.broken:
            raise ValueError("the model failed")
        reply = f"r:{messages[-1].text}"
        return ChatResult(
            generations=[
                ChatGeneration(message=AIMessage(reply + "!" * index)) for index in range(self.n)
            ]
        )


class Streamer(Model):
    """The same, one character a chunk."""

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for char in f"r:{messages[-1].text}":
            yield ChatGenerationChunk(message=AIMessageChunk(content=char))


@pytest.fixture
def finder():
    return Finder()


def text(message):
    return message.text


# -- watching --------------------------------------------------------------------------------


def held_inside_a_chain():
    return RunnableLambda(lambda _: upstream.pending()["runs"]).invoke(0)


def hooks():
    return [var for var, *_ in tracers._configure_hooks if var.name == "metaaligner"]


def test_import_registers_nothing():
    code = (
        "from langchain_core.tracers.context import _configure_hooks as hooks\n"
        "before = len(hooks)\n"
        "import langchain_metaaligner.edit.question\n"
        "assert len(hooks) == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_noted_while_no_owner_lives():
    gc.collect()
    assert held_inside_a_chain() == 0
    owner = Finder()
    assert held_inside_a_chain() == 1
    del owner
    assert held_inside_a_chain() == 0


def test_an_owner_may_be_watched_again(finder):
    for _ in range(3):
        upstream.watch(finder)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(upstream.watch, [finder] * 200))
    assert len(hooks()) == 1


def test_one_of_two_owners_is_enough(finder):
    other = Finder()
    del other
    assert held_inside_a_chain() == 1


def test_owners_come_and_go_in_threads(finder):
    def work(_):
        return (Model() | Finder()).invoke("a")

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(work, range(300))) == {"a"}
    gc.collect()
    assert upstream.pending() == NOTHING


def test_death_of_the_last_owner_forgets_open_runs():
    owner = Finder()
    run = CallbackManager.configure().on_chain_start(None, {})
    assert upstream.pending()["runs"] == 1
    del owner
    assert upstream.pending() == NOTHING
    run.on_chain_end({})


# -- finding ---------------------------------------------------------------------------------


def test_prompt_is_the_messages_themselves(finder):
    asked = [HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    reply = Model().invoke(asked)
    found = upstream.find(None, reply)
    assert [id(message) for message in found] == [id(message) for message in asked]
    found.clear()
    assert upstream.find(None, reply) == asked


def test_text_model_gives_one_human_message(finder):
    assert (FakeListLLM(responses=["s"]) | finder).invoke("a") == "a"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_of_several_generations(finder, index):
    def pick(messages):
        return Model(n=3).generate([messages]).generations[0][index].message

    assert (RunnableLambda(pick) | finder).invoke([HumanMessage("a")]) == "a"


@pytest.mark.parametrize(
    "change",
    [
        text,
        lambda m: AIMessage(m.text),
        lambda m: AIMessage(m.text, id="new"),
        lambda m: m.model_copy(update={"content": "all new"}),
        lambda m: f"  {m.text.upper()}\n",
        lambda m: f"Well, {m.text}.",
        lambda m: m.text[:6],
    ],
    ids=["text", "message", "other id", "same id", "case", "longer", "shorter"],
)
def test_reply_that_was_changed_in_a_sequence(finder, change):
    assert (Model() | change | finder).invoke("ask me") == "ask me"


@pytest.mark.parametrize("made", ["", "Our office is closed.", AIMessage("No.", id="1")])
def test_other_text_in_place_of_the_reply(finder, made):
    assert (Model() | RunnableLambda(lambda _: made) | finder).invoke("a") is None


@pytest.mark.parametrize(
    ("change", "found"),
    [(str.strip, "ask me"), (lambda text: text.split()[0], None)],
    ids=["same words", "fewer words"],
)
def test_text_that_was_changed_outside_of_a_sequence(finder, change, found):
    def code(question):
        return finder.invoke(change(Model().invoke(question).text + "\n"))

    assert RunnableLambda(code).invoke("ask me") == found


def test_message_with_another_id_is_another_message(finder):
    def code(question):
        return finder.invoke(AIMessage(Model().invoke(question).text, id="of an earlier run"))

    assert RunnableLambda(code).invoke("a") is None


def test_call_that_only_decides_the_way_is_no_question(finder):
    def code(question):
        Model().invoke(f"classify: {question}")
        return finder.invoke("A canned answer.")

    assert RunnableLambda(code).invoke("a") is None


def test_identical_texts_in_code_are_ambiguous(finder):
    same = FakeListChatModel(responses=["same"])

    def code(questions):
        replies = same.batch(questions)
        return [finder.invoke(replies[0].text), finder.invoke(replies[0])]

    assert RunnableLambda(code).invoke(["a", "b"]) == [None, "a"]
    assert RunnableLambda(code).invoke(["a", "a"]) == ["a", "a"]


def test_one_message_object_for_two_prompts_is_ambiguous(finder):
    shared = FakeMessagesListChatModel(responses=[AIMessage("same")])
    reply = shared.invoke("a")
    assert upstream.find(None, reply)[0].text == "a"
    assert shared.invoke("b") is reply
    assert upstream.find(None, reply) is None
    assert (shared | finder).invoke("c") == "c"


def test_last_step_of_a_sequence_wins(finder):
    same = FakeListChatModel(responses=["same"])
    chain = same | (lambda m: f"again {m.text}") | same | text | finder
    assert chain.invoke("a") == "again same"


def test_inner_runs_come_before_outer_ones(finder):
    same = FakeListChatModel(responses=["same"])
    inner = RunnableLambda(lambda _: "inner") | same | text | finder
    assert (same | inner).invoke("outer") == "inner"


def test_model_runs_of_an_aligner_are_no_questions(finder):
    editor = Model().with_config(tags=[upstream.EDITING_TAG])
    reply = editor.invoke("You are an editor.")
    assert upstream.find(None, reply) is None
    assert (editor | text | finder).invoke("You are an editor.") is None


def test_what_an_asker_makes_answers_the_same_question(finder):
    class Editor(Finder):
        def _find(self, value, run_manager):
            super()._find(value, run_manager)
            return "An edit in quite other words."

    assert (Model() | text | Editor() | finder).invoke("a") == "a"


# -- models of which nothing is heard --------------------------------------------------------


@pytest.fixture
def cache():
    """LangChain's cache, with which text models fire no callbacks from the second time on."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


def texts(*replies):
    """A text model; a prompt that was asked before is answered from the cache."""
    return FakeListLLM(responses=list(replies))


PROMPT = ChatPromptTemplate.from_messages([("system", "S"), ("human", "{q}")])


TO_PROMPT = RunnableLambda(lambda q: {"q": q}) | PROMPT


CACHED = {
    "bare": lambda finder: texts("s") | finder,
    "prompt": lambda finder: TO_PROMPT | texts("s") | finder,
    "parser": lambda finder: TO_PROMPT | texts("s") | StrOutputParser() | finder,
    "clean-up": lambda finder: texts("s of some words") | (lambda t: f" {t[:9]}.") | finder,
    "message": lambda finder: texts("s") | (lambda t: AIMessage(t)) | finder,
    "retried": lambda finder: texts("s").bind(stop=["x"]) | finder.with_retry(),
    "in a lambda": lambda finder: RunnableLambda(lambda q: (texts("s") | finder).invoke(q)),
}


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "batch", "abatch"])
@pytest.mark.parametrize("chain", CACHED)
@pytest.mark.usefixtures("cache")
def test_text_model_whose_reply_is_cached(chain, way, finder):
    made = CACHED[chain](finder)
    ways = {
        "invoke": lambda q: made.invoke(q),
        "ainvoke": lambda q: asyncio.run(made.ainvoke(q)),
        "batch": lambda q: made.batch(["other", q])[1],
        "abatch": lambda q: asyncio.run(made.abatch(["other", q]))[1],
    }
    first = [ways[way](question) for question in ("a", "b")]
    assert [found[-1] for found in first] == ["a", "b"]
    assert [ways[way](question) for question in ("a", "b")] == first


@pytest.mark.usefixtures("cache")
def test_stream_of_a_cached_text(finder):
    chain = TO_PROMPT | texts("s") | StrOutputParser() | finder
    assert [list(chain.stream("a")) for _ in range(2)] == [["System: S\nHuman: a"]] * 2


@pytest.mark.usefixtures("cache")
def test_cached_text_in_code_is_not_known(finder):
    model = texts("s")
    chain = RunnableLambda(lambda q: model.invoke(q)) | finder
    assert [chain.invoke("a"), chain.invoke("a")] == ["a", None]


@pytest.mark.usefixtures("cache")
def test_cached_text_is_not_taken_for_that_of_another_turn(finder):
    model = texts("same")
    model.invoke("b")  # from here on in the cache

    def turns(_):
        return [finder.invoke(model.invoke(question)) for question in ("a", "b")]

    assert RunnableLambda(turns).invoke(0) == ["a", None]


@pytest.mark.usefixtures("cache")
def test_last_of_two_models_wins_also_from_the_cache(finder):
    chain = texts("same") | (lambda t: {"q": f"again {t}"}) | PROMPT | texts("same") | finder
    assert [chain.invoke(q) for q in "abab"] == ["System: S\nHuman: again same"] * 4


class Silent(RunnableSerializable):
    """A step that fires no callbacks."""

    makes: str

    def invoke(self, input, config=None, **kwargs):
        return self.makes


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "chain",
    [
        lambda finder: Model() | text | Silent(makes="quite another") | finder,
        lambda finder: Silent(makes="one") | Silent(makes="other") | finder,
        lambda finder: RunnableLambda(lambda q: {"q": q}) | Silent(makes="other") | finder,
        lambda finder: texts("s") | (lambda t: "quite another") | finder,
    ],
    ids=["after a model", "two of them", "of a dict", "a canned text"],
)
def test_silent_step_that_may_be_no_model(chain, finder):
    assert [chain(finder).invoke("a"), chain(finder).invoke("a")] == [None, None]


def test_silent_step_without_a_cache_is_no_model(finder):
    assert (Silent(makes="other") | finder).invoke("a") is None


def test_silent_step_that_takes_a_prompt_is_a_model(finder):
    assert (TO_PROMPT | Silent(makes="s") | finder).invoke("a") == "System: S\nHuman: a"


@pytest.mark.usefixtures("cache")
def test_tools_and_retrievers_are_no_silent_models(finder):
    @tool
    def look(query: str) -> str:
        """Look."""
        return "found"

    assert (look | finder).invoke("a") is None


def test_models_inside_of_a_tool_are_its_own_affair(finder):
    inside = []

    @tool
    def ask(query: str) -> str:
        """Ask."""
        inside.append((Model() | text | finder).invoke("inner"))
        return "r:outer"

    chain = RunnableLambda(lambda q: ask.invoke(q)) | finder
    assert chain.invoke("a") is None
    assert inside == ["inner"]


class Inline(BaseCallbackHandler):
    """As LangSmith's tracer: the manager tells starts of text models to nobody beside it."""

    run_inline = True


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        (lambda finder: texts("s") | finder, "a"),
        (
            lambda finder: TO_PROMPT | texts("s") | StrOutputParser() | finder,
            "System: S\nHuman: a",
        ),
        (lambda finder: Model() | text | texts("r:a") | finder, "r:a"),
    ],
)
async def test_async_text_model_beside_an_inline_handler(chain, found, finder):
    assert await chain(finder).ainvoke("a", {"callbacks": [Inline()]}) == found


async def test_async_text_model_in_code_beside_an_inline_handler(finder):
    """What it was asked there is not to be heard, and not taken from another call."""
    model = texts("s")

    async def code(q):
        await (model | finder).ainvoke("another turn")
        return await model.ainvoke(f"about {q}")

    chain = RunnableLambda(code) | finder
    assert await chain.ainvoke("a", {"callbacks": [Inline()]}) is None


def test_traced_function_between_two_runs(finder):
    langsmith = pytest.importorskip("langsmith")
    seen = []

    @langsmith.traceable
    def code(reply):
        seen.append(finder.invoke(reply.text))
        return reply

    with langsmith.tracing_context(enabled="local", client=Mock(spec=langsmith.Client)):
        (Model() | RunnableLambda(code)).invoke("a")
    assert seen == ["a"]


def test_background_run_outlives_its_root(finder):
    go, done = threading.Event(), []

    def later(value):
        go.wait(5)
        return value

    def start(value, config):
        chain = Model() | text | RunnableLambda(later) | finder
        thread = threading.Thread(target=lambda: done.append(chain.invoke(value, config)))
        thread.start()
        return thread

    thread = RunnableLambda(start).invoke("a")
    go.set()
    thread.join()
    assert done == ["a"]


# -- forgetting ------------------------------------------------------------------------------


def fail(_):
    raise RuntimeError("the step failed")


def interrupt(_):
    raise KeyboardInterrupt


async def sleep(_):
    await asyncio.sleep(5)


def abandoned_stream(finder):
    next((Streamer() | RunnablePassthrough()).stream("abcdef"))


async def abandoned_async_stream(finder):
    await anext((Streamer() | RunnablePassthrough()).astream("abcdef"))


async def cancelled(finder):
    task = asyncio.create_task((Model() | RunnableLambda(sleep) | finder).ainvoke("a"))
    await asyncio.sleep(0.05)
    task.cancel()
    await task


async def timed_out(finder):
    await asyncio.wait_for((Model() | RunnableLambda(sleep) | finder).ainvoke("a"), 0.05)


def interrupted_graph(finder):
    graphs = pytest.importorskip("langgraph.graph")
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import interrupt

    def node(state):
        (Model() | finder).invoke(state["messages"])
        interrupt("ok?")

    graph = graphs.StateGraph(graphs.MessagesState).add_node("node", node)
    graph = graph.add_edge(graphs.START, "node").compile(checkpointer=InMemorySaver())
    graph.invoke({"messages": ["a"]}, {"configurable": {"thread_id": "1"}})


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (lambda finder: (Model() | finder).invoke("a"), None),
        (lambda finder: (Model(broken=True) | finder).invoke("a"), ValueError),
        (lambda finder: (Model() | fail | finder).invoke("a"), RuntimeError),
        (lambda finder: (Model() | interrupt | finder).invoke("a"), KeyboardInterrupt),
        (
            lambda finder: (Model(broken=True) | finder).batch(["a"] * 20, return_exceptions=True),
            None,
        ),
        (abandoned_stream, None),
        (lambda finder: asyncio.run(abandoned_async_stream(finder)), None),
        (lambda finder: asyncio.run(cancelled(finder)), asyncio.CancelledError),
        (lambda finder: asyncio.run(timed_out(finder)), asyncio.TimeoutError),
        (interrupted_graph, None),
    ],
    ids=[
        "success",
        "model fails",
        "step fails",
        "keyboard interrupt",
        "batch fails",
        "abandoned stream",
        "abandoned async stream",
        "cancelled",
        "timed out",
        "interrupted graph",
    ],
)
def test_nothing_stays_after(finder, work, error):
    with pytest.raises(error) if error else nullcontext():
        work(finder)
    gc.collect()
    assert upstream.pending() == NOTHING


def test_long_run_forgets_its_oldest_calls(finder):
    def code(_):
        first = HumanMessage("first")
        question = weakref.ref(first)
        Model().invoke([first])
        del first
        for _ in range(300):
            Model().invoke("next")
        gc.collect()
        return question()

    assert RunnableLambda(code).invoke(0) is None


def test_messages_outside_of_chains_are_bounded(finder, monkeypatch):
    monkeypatch.setattr(runs, "MESSAGES", 10)
    replies = [Model().invoke(str(number)) for number in range(30)]
    assert upstream.pending()["messages"] == 10
    assert upstream.find(None, replies[-1])[0].text == "29"
    assert upstream.find(None, replies[0]) is None


def test_runs_that_never_end_are_bounded_by_their_root(finder, monkeypatch):
    monkeypatch.setattr(runs, "STRAYS", 10)
    for _ in range(30):
        root = CallbackManager.configure().on_chain_start(None, {})
        root.get_child().on_chain_start(None, {})
        root.on_chain_end({})
    assert upstream.pending()["runs"] == 10


def test_roots_that_never_end_are_bounded(finder, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", 10)
    for _ in range(30):
        CallbackManager.configure().on_chain_start(None, {})
    assert upstream.pending()["runs"] == 10
