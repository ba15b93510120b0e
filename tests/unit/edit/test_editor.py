"""The model that edits: what it replies and tells, and that a cache changes nothing."""

import itertools
import pickle
import sqlite3

import pytest
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, BaseLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation, LLMResult
from langchain_core.runnables import RunnableLambda

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.reply import Reply, reply_of
from langchain_metaaligner.testing import FakeAlignerLLM

QUESTION, DRAFT = "Why?", "Because. Nobody likes you."
PAIRS = [(QUESTION, DRAFT), ("What?", DRAFT)]


class SQLite(BaseCache):
    """Keeps copies of generations, like the caches on disk."""

    def __init__(self):
        self._rows = sqlite3.connect(
            ":memory:", check_same_thread=False, isolation_level=None
        )  # each statement is whole: LangChain writes from several threads
        self._rows.execute("create table kept (prompt, llm, text, primary key (prompt, llm))")

    def lookup(self, prompt, llm_string):
        found = self._rows.execute(
            "select text from kept where prompt = ? and llm = ?", (prompt, llm_string)
        ).fetchone()
        return pickle.loads(found[0]) if found else None

    def update(self, prompt, llm_string, return_val):
        row = (prompt, llm_string, pickle.dumps(return_val))
        self._rows.execute("insert or replace into kept values (?, ?, ?)", row)

    def clear(self, **kwargs):
        self._rows.execute("delete from kept")


@pytest.fixture(params=[InMemoryCache, SQLite])
def cache(request):
    """LangChain's cache for the time of a test."""
    set_llm_cache(request.param())
    yield
    set_llm_cache(None)


class Chat(BaseChatModel):
    """A chat model of a provider."""

    replies: object
    about: dict
    calls: list

    @property
    def _llm_type(self):
        return "chat"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.calls.append(messages[-1].text)
        usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
        message = AIMessage(
            next(self.replies), response_metadata=dict(self.about), usage_metadata=usage
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


class Text(BaseLLM):
    """A text model of a provider."""

    replies: object
    about: dict
    calls: list

    @property
    def _llm_type(self):
        return "text"

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        self.calls.append(len(prompts))
        made = [[Generation(text=next(self.replies), generation_info=self.about)] for _ in prompts]
        return LLMResult(generations=made)


def fake(replies, **about):
    return FakeAlignerLLM(lambda prompt: next(replies), **about)


def text(replies, **about):
    return Text(replies=replies, about=about, calls=[])


def chat(replies, **about):
    return Chat(replies=replies, about=about, calls=[])


WRAPPED = {
    "bare": lambda llm: llm,
    "bound": lambda llm: llm.bind(stop=["\n"]),
    "configured": lambda llm: llm.with_config(tags=["mine"]),
    "retried": lambda llm: llm.with_retry(),
    "falling back": lambda llm: llm.with_fallbacks([fake(iter([]))]),
}


def make(llm, **options):
    return MetaAlignerRunnable(objectives=["harmless"], llm=llm, **options)


def facts(alignment):
    told = ("decision", "reason", "text", "rejected", "prompt_tokens", "completion_tokens")
    return {name: getattr(alignment, name) for name in told}


def answer_of(aligner, way):
    if way == "stream":
        chunks = list(aligner.stream({"question": QUESTION, "answer": AIMessage(DRAFT)}))
        return chunks[-1]["answer"].response_metadata["metaaligner"]["reason"]
    return aligner.align(QUESTION, DRAFT).reason


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("make_llm", [fake, text, chat])
class TestFromTheCache:
    def test_a_cut_off_edit_is_refused_each_time(self, cache, make_llm, wrap):
        aligner = make(wrap(make_llm(itertools.repeat("Wash it by"), finish_reason="length")))
        first, second = aligner.align(QUESTION, DRAFT), aligner.align(QUESTION, DRAFT)
        assert (first.reason, first.text) == ("truncated", DRAFT)
        assert facts(first) == facts(second)
        assert answer_of(aligner, "stream") == "truncated"

    async def test_async_and_in_batches(self, cache, make_llm, wrap):
        aligner = make(wrap(make_llm(itertools.repeat("Wash it by"), finish_reason="length")))
        first = await aligner.aalign_batch([*PAIRS, PAIRS[0]])
        second = await aligner.aalign_batch([*PAIRS, PAIRS[0]])
        assert [facts(one) for one in first] == [facts(one) for one in second]
        assert {one.reason for one in first + second} == {"truncated"}

    def test_an_accepted_edit_is_the_same_edit(self, cache, make_llm, wrap):
        aligner = make(wrap(make_llm(map(str, itertools.count()), finish_reason="stop")))
        first, second = aligner.align(QUESTION, DRAFT), aligner.align(QUESTION, DRAFT)
        assert (first.text, first.decision) == ("0", "edited")
        assert facts(first) == facts(second)


class Longest:
    def score_all(self, pairs):
        return [{"length": float(len(answer))} for _, answer in pairs]


@pytest.mark.parametrize("make_llm", [fake, text, chat])
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
async def test_candidates_stay_different_in_the_cache(cache, make_llm, wrap):
    replies = iter(["Short.", "Middle one.", "The longest one of all.", *["never asked for"] * 9])
    gate = RewardGate(Longest(), min_gain=-99)
    aligner = make(wrap(make_llm(replies)), gate=gate, candidates=3)
    first = aligner.align(QUESTION, DRAFT)
    for again in (aligner.align(QUESTION, DRAFT), await aligner.aalign(QUESTION, DRAFT)):
        assert again.text == first.text == "The longest one of all."
        assert sorted(map(str, again.scores["edits"])) == sorted(map(str, first.scores["edits"]))
    assert len({str(scores) for scores in first.scores["edits"]}) == 3


def test_more_candidates_than_the_cache_has(cache):
    replies = map(str, itertools.count(10))
    gate = RewardGate(Longest(), min_gain=-99)
    llm = fake(replies)
    make(llm, gate=gate, candidates=2).align(QUESTION, DRAFT)
    make(llm, gate=gate, candidates=4).align(QUESTION, DRAFT)
    assert [len(call) for call in llm.calls] == [2, 2]


def test_a_model_whose_cache_is_off(cache):
    replies = map(str, itertools.count(10))
    llm = fake(replies, cache=False)
    gate = RewardGate(Longest(), min_gain=-99)
    for _ in range(2):
        make(llm, gate=gate, candidates=2).align(QUESTION, DRAFT)
    assert [len(call) for call in llm.calls] == [2, 2]


@pytest.mark.parametrize(
    ("output", "reply"),
    [
        ("text", Reply("text")),
        (Generation(text="t", generation_info={"finish_reason": "stop"}), Reply("t", "stop")),
        (Generation(text="t", generation_info={"done_reason": "length"}), Reply("t", "length")),
        (AIMessage("t", response_metadata={"stop_reason": "max_tokens"}), Reply("t", "length")),
        (AIMessage("t", response_metadata={"stopReason": "max_tokens"}), Reply("t", "length")),
        (AIMessage("t", response_metadata={"finish_reason": "MAX_TOKENS"}), Reply("t", "length")),
        (AIMessage("t", response_metadata={"stop_reason": "end_turn"}), Reply("t", "end_turn")),
        (
            AIMessage(
                "t", response_metadata={"incomplete_details": {"reason": "max_output_tokens"}}
            ),
            Reply("t", "length"),
        ),
        (
            AIMessage([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "t"}]),
            Reply("t"),
        ),
    ],
)
def test_replies_of_every_provider(output, reply):
    assert reply_of(output) == reply


def test_what_is_no_text():
    assert isinstance(reply_of({"not": "a text"}), TypeError)
    error = ValueError("x")
    assert reply_of(error) is error


class Refusing(Text):
    """Fails for the whole request where one prompt is too long for it, as servers do."""

    error: object = None

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        self.calls.append(len(prompts))
        if any("poison" in prompt for prompt in prompts):
            raise self.error("too long")
        return LLMResult(generations=[[Generation(text="Better.")] for _ in prompts])


class BadRequestError(Exception):
    status_code = 400


class APIConnectionError(Exception):
    pass


def refusing(error):
    return Refusing(replies=iter([]), about={}, error=error, calls=[])


@pytest.mark.parametrize("error", [BadRequestError, ValueError])
async def test_a_refused_row_costs_one_row(error):
    pairs = [(f"question {at}", "poison" if at == 7 else DRAFT) for at in range(40)]
    for llm in (
        refusing(error),
        refusing(error).with_retry(stop_after_attempt=2, wait_exponential_jitter=False),
    ):
        for made in (make(llm).align_batch(pairs), await make(llm).aalign_batch(pairs)):
            assert [one.decision for one in made] == [
                "kept" if at == 7 else "edited" for at in range(40)
            ]
            assert made[7].reason == "error"
            assert "too long" in made[7].detail


@pytest.mark.parametrize(
    ("error", "most"),
    [(APIConnectionError, 1), (ConnectionError, 1), (ValueError, 12)],
)
def test_a_model_that_is_down_is_not_asked_row_by_row(error, most):
    llm = refusing(error)
    made = make(llm).align_batch([("question", "poison")] * 64)
    assert {one.reason for one in made} == {"error"}
    assert len(llm.calls) <= most


def test_rows_follow_max_concurrency():
    llm = text(itertools.repeat("Better."))
    made = make(llm).align_batch([("q", DRAFT)] * 10, {"max_concurrency": 4})
    assert [one.text for one in made] == ["Better."] * 10
    assert llm.calls == [4, 4, 2]


def test_other_runnables_tell_by_callbacks():
    chain = text(itertools.repeat("Better."), finish_reason="length") | RunnableLambda(str.strip)
    assert make(chain).align(QUESTION, DRAFT).reason == "truncated"
    chat_model = GenericFakeChatModel(messages=iter([AIMessage("Better.")]))
    assert make(chat_model | RunnableLambda(lambda m: m.text)).align("q", DRAFT).text == "Better."


@pytest.mark.parametrize("model", [text, chat])
def test_a_live_stream_tells_the_finish_reason(model):
    llm = model(itertools.repeat("Wash it by"), finish_reason="length")
    aligner = make(llm, streaming="live")
    assert answer_of(aligner, "stream") == "truncated"
