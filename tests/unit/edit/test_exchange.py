import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue

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
    assert list(new) == ["messages", "steps"] or set(new) == {"messages", "steps"}
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


def test_questions():
    assert read_question("q") == "q"
    assert read_question(HumanMessage("q")) == [HumanMessage("q")]
    assert read_question(StringPromptValue(text="q")) == [HumanMessage("q")]
    assert read_question([("human", "q")]) == [HumanMessage("q")]
    with pytest.raises(ShapeError, match="cannot be read as messages"):
        read_question([object()])
