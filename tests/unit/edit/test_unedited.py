"""What the user of an answer without an edit sees: the draft, an error, or a refusal."""

import pickle

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage

from langchain_metaaligner import Alignment, MetaAlignerMiddleware, MetaAlignerRunnable, Objective
from langchain_metaaligner.edit.options import REFUSAL
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.testing import FakeAlignerLLM

DRAFT = "Nobody likes you. Nine minutes."
TEXT = "Please ask our staff."


def broken(prompt):
    raise RuntimeError("CUDA error: device-side assert")


def make(function=broken, **options):
    return MetaAlignerRunnable(
        **{
            "objectives": ["fair"],
            "llm": FakeAlignerLLM(function),
            "template": "imhi",
            "on_failure": "refuse",
            "refusal": TEXT,
            **options,
        }
    )


PICTURE = {"type": "image", "url": "https://example.org/draft.png"}
THINKING = {"type": "thinking", "thinking": DRAFT, "signature": "abc"}
BLOCKS = [THINKING, {"type": "text", "text": DRAFT, "citations": [{"cited_text": DRAFT}]}]

SHAPES = {
    "string": ({"question": "How?", "answer": DRAFT}, lambda v: v["answer"]),
    "message": ({"question": "How?", "answer": AIMessage(DRAFT)}, lambda v: v["answer"].content),
    "blocks": ({"question": "How?", "answer": AIMessage(BLOCKS)}, lambda v: v["answer"].content),
    "messages": ([HumanMessage("How?"), AIMessage(DRAFT)], lambda v: v[-1].content),
    "a picture": ([HumanMessage("How?"), AIMessage([PICTURE])], lambda v: v[-1].content),
    "no question": (AIMessage(DRAFT), lambda v: v.content),
    "no question, a string": (DRAFT, lambda v: v),
    "raw": ([("human", "How?"), ("ai", DRAFT)], lambda v: v[-1][1]),
    "raw dicts": (
        {
            "messages": [
                {"role": "user", "content": "How?"},
                {"role": "assistant", "content": DRAFT},
            ]
        },
        lambda v: v["messages"][-1]["content"],
    ),
    "raw blocks": (
        [{"role": "user", "content": "How?"}, {"role": "assistant", "content": BLOCKS}],
        lambda v: v[-1]["content"],
    ),
}


def added(chunks):
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


@pytest.mark.parametrize("name", SHAPES)
async def test_every_way_gives_the_refusal(name):
    value, text = SHAPES[name]
    aligner = make()
    assert text(aligner.invoke(value)) == TEXT
    assert text(aligner.batch([value, value])[1]) == TEXT
    assert text(await aligner.ainvoke(value)) == TEXT
    assert text((await aligner.abatch([value]))[0]) == TEXT
    assert text(added(aligner.stream(value))) == TEXT
    assert text(added([chunk async for chunk in aligner.astream(value)])) == TEXT


def shown(message):
    """All that a message shows, without our record."""
    about = {k: v for k, v in message.response_metadata.items() if k != "metaaligner"}
    return repr((message.content, message.additional_kwargs, about))


@pytest.mark.parametrize("content", [DRAFT, BLOCKS, [PICTURE]])
def test_nothing_of_the_draft_is_left_in_the_message(content):
    draft = AIMessage(
        content,
        id="run-1",
        additional_kwargs={"reasoning_content": DRAFT, "audio": {"transcript": DRAFT}},
        response_metadata={"model_name": "gpt", "logprobs": {"content": DRAFT}},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    )
    value = [HumanMessage("How?"), draft]
    for answer in (make().invoke(value)[-1], added(make().stream(value))[-1]):
        assert answer.content == TEXT
        assert "Nobody" not in shown(answer)
        assert "draft.png" not in shown(answer)
        assert answer.id == "run-1"
        assert answer.response_metadata["model_name"] == "gpt"
        assert answer.usage_metadata["total_tokens"] == 3
    assert draft.content == content


def test_a_streamed_draft_with_reasoning_does_not_come_out():
    draft = AIMessage(BLOCKS, additional_kwargs={"reasoning_content": DRAFT})
    answer = added(make().stream({"question": "How?", "answer": draft}))["answer"]
    assert "Nobody" not in shown(answer)


REASONS = {
    "error": {},
    "empty": {"function": lambda prompt: " "},
    "looping": {"function": lambda prompt: "I am sorry. " * 20},
    "template_leak": {"function": lambda prompt: "Fine. | Edit: x"},
    "preserve": {"function": lambda prompt: "x", "preserve": ["numbers"]},
    "rude": {"function": lambda prompt: "x", "checks": [lambda draft, edit: "rude"]},
    "timeout": {"function": lambda prompt: __import__("time").sleep(0.4) or "x", "timeout": 0.05},
    "too_long": {"llm": FakeAlignerLLM(lambda prompt: "x", context=3)},
}


@pytest.mark.parametrize("reason", REASONS)
async def test_whatever_the_reason(reason):
    aligner = make(**REASONS[reason])
    draft = "Nobody likes you. 9 minutes."
    for alignment in (aligner.align("How?", draft), await aligner.aalign("How?", draft)):
        assert (alignment.decision, alignment.reason) == ("refused", reason)
        assert (alignment.text, alignment.original) == (TEXT, draft)
        assert "{+Please" in Alignment(**alignment.record()).diff


def test_what_has_an_edit_or_nothing_to_edit_is_as_ever():
    assert make(lambda prompt: "Nine minutes.").align("How?", DRAFT).decision == "edited"
    assert make(lambda prompt: DRAFT).align("How?", DRAFT).decision == "unchanged"
    calls = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    assert make().invoke([HumanMessage("How?"), calls])[-1].tool_calls == calls.tool_calls
    assert make().align("How?", " ").reason == "empty_draft"


def test_the_default_text():
    assert make(refusal=None).align("How?", DRAFT).text == REFUSAL


class TestAFunction:
    """A refusal made of the record, sync or async."""

    async def test_it_gets_the_record(self):
        seen = []

        def refusal(record):
            seen.append(record)
            return f"Nothing to show: {record.reason}."

        async def later(record):
            return refusal(record)

        for function in (refusal, later):
            aligner = make(refusal=function)
            assert aligner.align("How?", DRAFT).text == "Nothing to show: error."
            alignment = await aligner.aalign("How?", DRAFT)
            assert alignment.text == "Nothing to show: error."
        assert {record.original for record in seen} == {DRAFT}
        assert {record.decision for record in seen} == {"kept"}

    @pytest.mark.parametrize("bad", [lambda record: 1 / 0, lambda record: None, lambda record: " "])
    def test_one_that_fails_does_not_bring_the_draft_back(self, bad, caplog):
        assert make(refusal=bad).align("How?", DRAFT).text == REFUSAL
        assert "refusal" in caplog.text


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"on_failure": "original"}, "on_failure"),
            ({"on_failure": "raise"}, "on_failure"),
            ({"streaming": "live"}, "live"),
            ({"refusal": "  "}, "blank"),
            ({"refusal": 5}, "refusal"),
            ({"on_failure": "rase"}, "on_failure"),
        ],
    )
    def test_a_contradiction_is_one_sentence_at_construction(self, options, words):
        with pytest.raises(SettingError, match=words) as raised:
            make(**options)
        assert "\n" not in str(raised.value)
        with pytest.raises(SettingError, match=words):
            MetaAlignerMiddleware(
                **{
                    "objectives": ["fair"],
                    "llm": FakeAlignerLLM(broken),
                    "on_failure": "refuse",
                    "refusal": TEXT,
                    **options,
                }
            )

    @pytest.mark.filterwarnings("ignore:The function `load")
    def test_it_can_be_pickled_and_dumped(self):
        aligner = MetaAlignerRunnable(
            objectives=["fair"], on_failure="refuse", refusal=TEXT, timeout=2.0, max_waiting=5
        )
        assert pickle.loads(pickle.dumps(aligner)) == aligner
        allowed = [MetaAlignerRunnable, Objective]
        loaded = loads(
            dumps(aligner),
            allowed_objects=allowed,
            valid_namespaces=["langchain_metaaligner"],
        )
        assert (loaded.refusal, loaded.timeout, loaded.max_waiting) == (TEXT, 2.0, 5)


async def test_in_an_agent():
    from langchain.agents import create_agent

    def agent(**options):
        llm = FakeListChatModel(responses=[DRAFT])
        return create_agent(llm, middleware=[MetaAlignerMiddleware(**options)])

    options = {
        "objectives": ["fair"],
        "llm": FakeAlignerLLM(broken),
        "on_failure": "refuse",
        "refusal": TEXT,
    }
    ask = {"messages": [("human", "How long do I boil an egg?")]}
    state = agent(**options).invoke(ask)
    assert state["messages"][-1].content == TEXT
    assert "Nobody" not in repr(state)  # the slim record holds no draft
    state = await agent(**options).ainvoke(ask)
    assert state["messages"][-1].content == TEXT
    assert state["messages"][-1].response_metadata["metaaligner"]["decision"] == "refused"
    pieces = [m.content async for m, _ in agent(**options).astream(ask, stream_mode="messages")]
    assert "".join(pieces) == TEXT
