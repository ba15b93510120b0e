"""Answers in blocks: the shapes that langchain-anthropic, langchain-openai and others give.

The blocks are written by hand after what these packages give: thinking and signatures, reasoning
summaries, citations, web searches, and LangChain's own format (``output_version="v1"``).
"""

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.content import split, text_of, with_text
from langchain_metaaligner.errors import EditRejectedError
from langchain_metaaligner.testing import FakeAlignerLLM

THINKING = {"type": "thinking", "thinking": "Wool shrinks.", "signature": "EqQB"}
REDACTED = {"type": "redacted_thinking", "data": "Eu8B"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Wool shrinks."}],
    "encrypted_content": "gAAA",
}
SEARCH = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "w"},
}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://wool.org", "title": "Wool"}],
}
SEARCH_CALL = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
CITED = {"type": "char_location", "cited_text": "cold", "document_index": 0, "start_char_index": 3}
URL = {"type": "url_citation", "url": "https://wool.org", "start_index": 0, "end_index": 11}

SHAPES = {
    "one text": [{"type": "text", "text": "Wash it, fool."}],
    "a plain string": ["Wash it, fool."],
    "text and an empty one": ["Wash it, fool.", ""],
    "anthropic thinking": [THINKING, {"type": "text", "text": "Wash it, fool."}],
    "anthropic redacted": [REDACTED, THINKING, {"type": "text", "text": "Wash it, fool."}],
    "anthropic citations": [
        {"type": "text", "text": "Wash it, "},
        {"type": "text", "text": "fool.", "citations": [CITED]},
    ],
    "anthropic search": [
        {"type": "text", "text": ""},
        SEARCH,
        FOUND,
        {"type": "text", "text": "Wash it, "},
        {"type": "text", "text": "fool.", "citations": [CITED]},
    ],
    "openai responses": [
        REASONING,
        {"type": "text", "text": "Wash it, fool.", "annotations": [URL], "id": "msg_1"},
    ],
    "openai search": [
        REASONING,
        SEARCH_CALL,
        {"type": "text", "text": "Wash it, fool.", "annotations": [], "id": "msg_1"},
    ],
    "google": [
        {"type": "text", "text": "Wash it, fool.", "extras": {"signature": "CvQB", "part": 1}},
    ],
    "bedrock": [
        {"type": "reasoning_content", "reasoning_content": {"text": "Wool.", "signature": "x"}},
        {"type": "text", "text": "Wash it, fool."},
    ],
    "v1": [
        {"type": "reasoning", "reasoning": "Wool shrinks.", "extras": {"signature": "EqQB"}},
        {"type": "text", "text": "Wash it, fool.", "annotations": [{"type": "citation"}]},
    ],
}
OLD, NEW = "Wash it, fool.", "Wash it by hand, please."
QUESTION = "How do I wash wool?"


def make(edit=NEW, **options):
    return MetaAlignerRunnable(
        objectives=["harmless"],
        llm=FakeAlignerLLM(lambda prompt: edit),
        template="UltraFeedback",
        **options,
    )


def ask(aligner, content, **fields):
    message = AIMessage(content, id="m1", **fields)
    return aligner.invoke({"question": QUESTION, "answer": message})["answer"]


def streamed(aligner, message):
    value = {"question": QUESTION, "answer": message}
    chunks = [chunk["answer"] for chunk in aligner.stream(value) if "answer" in chunk]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total, chunks


def others(content):
    return [b for b in content if isinstance(b, dict) and b.get("type") != "text"]


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
class TestEveryShape:
    def test_the_text_is_edited_and_the_rest_stays(self, content):
        aligner = make()
        message = ask(aligner, content)
        assert f"Answer: {OLD} | Edit" in aligner.llm.calls[0][0]
        assert message.text == NEW
        assert others(message.content) == others(content)
        record = message.response_metadata["metaaligner"]
        assert (record["decision"], record["original"], record["text"]) == ("edited", OLD, NEW)

    def test_what_was_said_about_the_old_text_goes_with_it(self, content):
        edited = str([block for block in ask(make(), content).content if "text" in str(block)])
        for key in ("annotations", "citations", "'signature': 'CvQB'"):
            assert key not in edited

    def test_a_draft_that_stands_stays_as_it_was(self, content):
        for edit in ("", OLD):
            message = ask(make(edit), content)
            assert message.content == content
            total, _ = streamed(make(edit), AIMessage(content, id="m1"))
            assert total.content == content

    def test_a_stream_adds_up_to_what_invoke_gives(self, content):
        message = AIMessage(content, id="m1", response_metadata={"model_name": "m"})
        total, _ = streamed(make(), message)
        whole = make().invoke({"question": QUESTION, "answer": message})["answer"]
        assert total.content == whole.content
        assert total.response_metadata["metaaligner"]["text"] == NEW
        assert total.response_metadata["model_name"] == "m"
        assert total.id == "m1"

    def test_a_live_stream_shows_the_same_blocks(self, content):
        total, chunks = streamed(make(streaming="live"), AIMessage(content, id="m1"))
        assert total.text == NEW
        assert len(chunks) > 3
        assert others(total.content) == others(ask(make(), content).content)

    def test_it_is_no_exception_under_on_failure_raise(self, content):
        assert ask(make(on_failure="raise"), content).text == NEW
        with pytest.raises(EditRejectedError, match="empty"):
            ask(make("", on_failure="raise"), content)

    def test_in_the_format_of_langchain(self, content):
        about = {"output_version": "v1", "model_provider": "openai"}
        message = ask(make(), content, response_metadata=about)
        assert message.text == NEW
        total, _ = streamed(make(), AIMessage(content, response_metadata=about))
        assert total.content == message.content

    def test_behind_a_model_in_a_chain(self, content):
        chain = GenericFakeChatModel(messages=iter([AIMessage(content)])) | make()
        assert chain.invoke(QUESTION).text == NEW


def test_blocks_that_came_as_a_stream_are_streamed_in_pieces():
    """Providers number their blocks, so that pieces of a text find each other."""
    value = AIMessageChunk(
        [{**THINKING, "index": 0}, {"type": "text", "text": OLD, "index": 1, "citations": [CITED]}],
        id="m1",
    )
    total, chunks = streamed(make(), value)
    assert len(chunks) > 4
    assert total.content == [{**THINKING, "index": 0}, {"type": "text", "text": NEW, "index": 1}]
    whole = make().invoke({"question": QUESTION, "answer": value})["answer"]
    assert total.content == whole.content
    assert type(whole) is AIMessage


def test_the_text_stands_where_the_last_text_stood():
    content = [
        {"type": "text", "text": "I will look."},
        SEARCH,
        FOUND,
        {"type": "text", "text": "Wash."},
    ]
    assert text_of(content) == "I will look.Wash."
    assert with_text(content, "New.") == [SEARCH, FOUND, {"type": "text", "text": "New."}]
    assert split(content).before == [SEARCH, FOUND]


@pytest.mark.parametrize(
    ("fields", "kept", "gone"),
    [
        (
            {"response_metadata": {"logprobs": {"content": []}, "model_name": "m"}},
            "model_name",
            "logprobs",
        ),
        ({"response_metadata": {"grounding_metadata": {}, "id": "1"}}, "id", "grounding_metadata"),
        ({"additional_kwargs": {"annotations": [URL], "refusal": None}}, "refusal", "annotations"),
        ({"additional_kwargs": {"citations": [{"start": 0, "end": 3}], "x": 1}}, "x", "citations"),
    ],
)
def test_positions_beside_the_content_go_as_well(fields, kept, gone):
    message = ask(make(), OLD, **fields)
    about = {**message.response_metadata, **message.additional_kwargs}
    assert kept in about
    assert gone not in about
    same = ask(make(OLD), OLD, **fields)
    assert gone in {**same.response_metadata, **same.additional_kwargs}


def test_sources_without_a_place_in_the_text_stay():
    message = ask(make(), OLD, additional_kwargs={"citations": ["https://wool.org"]})
    assert message.additional_kwargs == {"citations": ["https://wool.org"]}


@pytest.mark.parametrize(
    ("content", "reason", "raises"),
    [
        ([{"type": "image", "base64": "AA", "mime_type": "image/png"}], "no_text", True),
        ([{"type": "refusal", "refusal": "I cannot."}], "no_text", True),
        ([THINKING], "empty_draft", False),
        ([THINKING, {"type": "text", "text": " "}], "empty_draft", False),
        ([], "empty_draft", False),
    ],
)
def test_answers_without_a_text(content, reason, raises):
    message = ask(make(), content)
    assert message.content == content
    assert message.response_metadata["metaaligner"]["reason"] == reason
    total, _ = streamed(make(), AIMessage(content))
    assert total.content == content
    if raises:
        with pytest.raises(EditRejectedError, match=reason):
            ask(make(on_failure="raise"), content)
    else:
        assert ask(make(on_failure="raise"), content).content == content


def test_tool_calls_pass_and_stream_as_chunks():
    call = {"name": "look", "args": {"q": "wool"}, "id": "1", "type": "tool_call"}
    for content in ("Let me look.", [{"type": "text", "text": "Let me look."}], ""):
        message = AIMessage(content, tool_calls=[call], id="m1")
        for options in ({}, {"streaming": "live"}, {"on_failure": "raise"}):
            total, chunks = streamed(make(**options), message)
            assert len(chunks) == 1
            assert total.tool_calls == [call]
            assert total.tool_call_chunks[0]["name"] == "look"
            assert total.content == content
            assert total.response_metadata["metaaligner"]["reason"] == "tool_calls"


def test_tool_calls_that_came_as_chunks_stay_chunks():
    piece = {"name": "look", "args": '{"q": ', "id": "1", "index": 0, "type": "tool_call_chunk"}
    end = {"name": None, "args": '"wool"}', "id": None, "index": 0, "type": "tool_call_chunk"}
    value = AIMessageChunk("", tool_call_chunks=[piece]) + AIMessageChunk(
        "", tool_call_chunks=[end]
    )
    total, _ = streamed(make(), value)
    assert total.tool_calls == value.tool_calls
    bad = AIMessage("", invalid_tool_calls=[{"name": "t", "args": "{", "id": "1", "error": "e"}])
    total, _ = streamed(make(), bad)
    assert total.tool_call_chunks[0]["args"] == "{"


def test_a_chat_message_of_an_assistant_is_an_answer():
    message = ChatMessage(OLD, role="assistant")
    new = make().invoke([ChatMessage(QUESTION, role="user"), message])[-1]
    assert (type(new), new.role, new.content) == (ChatMessage, "assistant", NEW)
    pieces = [
        c["answer"] for c in make().stream({"question": "q", "answer": message}) if "answer" in c
    ]
    assert "".join(piece.content for piece in pieces) == NEW
    assert {piece.role for piece in pieces} == {"assistant"}
