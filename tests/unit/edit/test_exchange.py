import copy
import dataclasses

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue
from pydantic import BaseModel

from langchain_metaaligner.edit.exchange import Keys, read, read_question
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import MetaAlignerError, ShapeError

EDITED = Alignment(text="new", original="old", decision="edited")


def written(value, **keys):
    return read(value, Keys(**keys)).shape.write(EDITED)


def streamed(value):
    shape = read(value).shape
    chunks = [
        *shape.opening(),
        *shape.piece("ne", True),
        *shape.piece("w", False),
        *shape.closing(EDITED, True),
    ]
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


def test_text():
    assert read("old").answer == "old"
    assert read("old").question is None
    assert written("old") == "new"
    assert streamed("old") == "new"


def test_message_keeps_all_but_its_content():
    message = AIMessage(
        "old",
        id="m1",
        name="bot",
        additional_kwargs={"a": 1},
        response_metadata={"model_name": "m"},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    )
    new = written(message)
    assert (new.content, new.id, new.name) == ("new", "m1", "bot")
    assert new.usage_metadata == message.usage_metadata
    assert new.additional_kwargs == {"a": 1}
    assert new.response_metadata["model_name"] == "m"
    assert new.response_metadata["metaaligner"]["original"] == "old"
    assert message.content == "old"
    assert "metaaligner" not in message.response_metadata
    total = streamed(message)
    assert (total.content, total.id) == ("new", "m1")
    assert total.usage_metadata == message.usage_metadata
    assert total.response_metadata == new.response_metadata


def test_cached_message_whose_usage_does_not_validate():
    message = AIMessage("old").model_copy(update={"usage_metadata": {"total_cost": 0}})
    assert written(message).content == "new"
    assert streamed(message).content == "new"


def test_chunk_becomes_a_message():
    new = written(AIMessageChunk(content="old", id="m1"))
    assert type(new) is AIMessage
    assert (new.content, new.id) == ("new", "m1")


def test_single_text_block_stays_a_block():
    message = AIMessage([{"type": "text", "text": "old", "cache": 1}])
    assert read(message).untouched is None
    assert written(message).content == [{"type": "text", "text": "new", "cache": 1}]
    assert written(AIMessage(["old"])).content == ["new"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (AIMessage("x", tool_calls=[{"name": "t", "args": {}, "id": "1"}]), "tool_calls"),
        (
            AIMessage(
                "x", invalid_tool_calls=[{"name": "t", "args": "{", "id": "1", "error": "e"}]
            ),
            "tool_calls",
        ),
        (AIMessage(""), "empty_draft"),
        (AIMessage(" \n"), "empty_draft"),
        (AIMessage([]), "empty_draft"),
        (
            AIMessage([{"type": "text", "text": " "}, {"type": "thinking", "thinking": "b"}]),
            "empty_draft",
        ),
        (AIMessage([{"type": "image_url", "image_url": {"url": "x"}}]), "no_text"),
        (AIMessage("", additional_kwargs={"audio": {"data": "AA"}}), "no_text"),
    ],
)
def test_untouched(message, reason):
    exchange = read(message)
    assert exchange.untouched == reason
    kept = Alignment(text=exchange.answer, original=exchange.answer, decision="kept", reason=reason)
    new = exchange.shape.write(kept)
    assert new.content == message.content
    assert new.tool_calls == message.tool_calls
    assert new.response_metadata["metaaligner"]["reason"] == reason


def test_messages():
    history = [SystemMessage("s"), HumanMessage("q"), AIMessage("old", id="m")]
    exchange = read(history)
    assert exchange.question == history[:2]
    new = exchange.shape.write(EDITED)
    assert [message.text for message in new] == ["s", "q", "new"]
    assert history[-1].text == "old"
    assert new[:2] == history[:2]


def test_agent_state():
    state = {"messages": [HumanMessage("q"), AIMessage("old")], "steps": 3}
    new = written(state)
    assert list(new) == ["messages", "steps"]
    assert new["steps"] == 3
    assert [message.text for message in new["messages"]] == ["q", "new"]
    assert state["messages"][-1].text == "old"


@pytest.mark.parametrize("asked", ["question", "input", "query", "prompt"])
@pytest.mark.parametrize("answered", ["answer", "response", "output", "result"])
def test_pairs(asked, answered):
    value = {asked: "q", answered: "old", "extra": [1]}
    exchange = read(value)
    assert (exchange.question, exchange.answer) == ("q", "old")
    assert written(value) == {asked: "q", answered: "new", "extra": [1]}
    assert list(written(value)) == list(value)
    assert streamed(value) == written(value)


def test_pair_with_messages_inside():
    value = {"prompt": ChatPromptValue(messages=[HumanMessage("q")]), "response": AIMessage("old")}
    assert read(value).question == [HumanMessage("q")]
    new = written(value)
    assert new["response"].content == "new"
    assert streamed(value)["response"].content == "new"


def test_named_keys():
    value = {"q": "why?", "a": "old", "answer": "other"}
    exchange = read(value, Keys(question="q", answer="a"))
    assert (exchange.question, exchange.answer) == ("why?", "old")
    assert written(value, question="q", answer="a") == {
        "q": "why?",
        "a": "new",
        "answer": "other",
    }


def test_pair_without_a_question_is_left_to_upstream():
    message = AIMessage("old")
    exchange = read({"answer": message, "other": 1})
    assert exchange.question is None
    assert exchange.found_by is message


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        ("doc", ("doc",)),
        ([Document("a"), Document("b")], ("a", "b")),
        (["a", Document("b"), " "], ("a", "b")),
        (Document("a"), ("a",)),
        (None, ()),
        ({"any": "thing"}, ()),
        (3, ()),
    ],
)
def test_context(context, texts):
    value = {"input": "q", "answer": "old", "context": context}
    assert read(value).context == texts
    assert read(value, Keys(context=None)).context == ()
    assert written(value)["context"] is context


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        [],
        {},
        {"x": 1},
        {"question": "q"},
        HumanMessage("q"),
        [AIMessage("a"), "b"],
        [AIMessage("a"), HumanMessage("q")],
        {"messages": []},
        {"messages": [HumanMessage("q")]},
        {"question": "q", "answer": None},
        {"question": "q", "answer": {"text": "a"}},
        {"question": 3, "answer": "a"},
        {"question": "q", "answer": HumanMessage("a")},
        b"a",
    ],
)
def test_unreadable_shapes(value):
    with pytest.raises(ShapeError) as error:
        read(value)
    assert isinstance(error.value, MetaAlignerError)


def test_missing_answer_names_the_keys_seen():
    with pytest.raises(ShapeError, match=r"'question', 'reply'.*answer_key="):
        read({"question": "q", "reply": "a"})
    with pytest.raises(ShapeError, match=r"no 'asked'.*'q', 'answer'"):
        read({"q": "q", "answer": "a"}, Keys(question="asked"))


USER, BOT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "old"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([USER, BOT], [USER, {"role": "assistant", "content": "new"}]),
        ([("human", "q"), ("ai", "old")], [("human", "q"), ("ai", "new")]),
        ([("user", "q"), ("assistant", "old")], [("user", "q"), ("assistant", "new")]),
        ([["user", "q"], ["assistant", "old"]], [["user", "q"], ["assistant", "new"]]),
        ([HumanMessage("q"), ("ai", "old")], [HumanMessage("q"), ("ai", "new")]),
        (
            [USER, {"role": "assistant", "content": [{"type": "output_text", "text": "old"}]}],
            [USER, {"role": "assistant", "content": [{"type": "output_text", "text": "new"}]}],
        ),
        ([USER, {"type": "ai", "content": "old"}], [USER, {"type": "ai", "content": "new"}]),
    ],
)
def test_messages_as_dicts_and_tuples(value, expected):
    before = copy.deepcopy(value)
    exchange = read(value)
    assert exchange.answer == "old"
    assert [message.text for message in exchange.question] == ["q"]
    assert written(value) == expected
    assert written({"messages": value, "n": 1}) == {"messages": expected, "n": 1}
    assert streamed(value) == expected
    assert value == before
    kept = Alignment(text="old", original="old", decision="kept", reason="empty")
    assert exchange.shape.write(kept) == value


def test_one_message_as_a_dict():
    assert written(BOT) == {"role": "assistant", "content": "new"}
    assert written({"question": "q", "answer": BOT})["answer"] == written(BOT)
    call = {"id": "1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    calling = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert read([USER, calling]).untouched == "tool_calls"


@pytest.mark.parametrize("value", [[USER], [("human", "q")], [("robot", "x")], [{"role": "tool"}]])
def test_messages_that_end_in_no_answer(value):
    with pytest.raises(ShapeError):
        read(value)


class PydanticState(BaseModel):
    messages: list
    steps: int = 0


class PydanticAnswer(BaseModel):
    question: str
    answer: str
    tags: list[str] = []


@dataclasses.dataclass
class DataclassState:
    messages: list
    steps: int = 0


@dataclasses.dataclass(frozen=True)
class FrozenAnswer:
    question: str
    answer: str


@pytest.mark.parametrize("state", [PydanticState, DataclassState])
def test_states_of_graphs_as_objects(state):
    value = state(messages=[HumanMessage("q"), AIMessage("old")], steps=3)
    new = written(value)
    assert type(new) is state
    assert new.steps == 3
    assert [message.text for message in new.messages] == ["q", "new"]
    assert value.messages[-1].text == "old"
    assert streamed(value) == new


@pytest.mark.parametrize("kind", [PydanticAnswer, FrozenAnswer])
def test_objects_with_question_and_answer(kind):
    value = kind(question="q", answer="old")
    assert (read(value).question, read(value).answer) == ("q", "old")
    assert written(value) == kind(question="q", answer="new")
    assert value.answer == "old"


@pytest.mark.parametrize(
    "value",
    [PydanticState(messages=[]), ChatPromptValue(messages=[HumanMessage("q")]), Document("x")],
)
def test_objects_without_an_answer(value):
    with pytest.raises(ShapeError):
        read(value)


HISTORY = [HumanMessage("q0"), AIMessage("a0")]


@pytest.mark.parametrize(
    ("question", "history", "turns"),
    [
        ("q", HISTORY, ["q0", "a0", "q"]),
        ("q", [("human", "q0"), ("ai", "a0")], ["q0", "a0", "q"]),
        ("q", [*HISTORY, HumanMessage("q")], ["q0", "a0", "q"]),
        ([HumanMessage("q")], HISTORY, ["q0", "a0", "q"]),
        ([*HISTORY, HumanMessage("q")], HISTORY, ["q0", "a0", "q"]),
        ([], HISTORY, []),
    ],
)
def test_history_of_a_dict(question, history, turns):
    value = {"input": question, "chat_history": history, "answer": "old"}
    assert [message.text for message in read(value).question] == turns
    assert written(value) == {**value, "answer": "new"}


@pytest.mark.parametrize("history", ["Human: q0\nAI: a0", None, [], 3, [object()]])
def test_history_that_is_no_messages_is_not_ours(history):
    assert read({"input": "q", "chat_history": history, "answer": "old"}).question == "q"


def test_history_under_another_key_or_none():
    value = {"input": "q", "past": HISTORY, "chat_history": HISTORY, "answer": "old"}
    assert len(read(value, Keys(history="past")).question) == 3
    assert read(value, Keys(history=None)).question == "q"


def test_questions():
    assert read_question("q") == "q"
    assert read_question(HumanMessage("q")) == [HumanMessage("q")]
    assert read_question(StringPromptValue(text="q")) == [HumanMessage("q")]
    assert read_question([("human", "q")]) == [HumanMessage("q")]
    with pytest.raises(ShapeError, match="cannot be read as messages"):
        read_question([object()])
