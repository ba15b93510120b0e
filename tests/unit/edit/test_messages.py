"""Messages in any form, and what is none."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.messages import messages_in
from langchain_metaaligner.errors import ShapeError
from langchain_metaaligner.testing import FakeAlignerLLM

NO_MESSAGES = [
    [1],
    [None],
    [{"role": "user"}],
    [("human",)],
    [("user", "a", "b")],
    [{"role": "user", "content": 3}],
    [{"role": ["x"], "content": "a"}],
    [{"role": "tool", "content": "x"}],
    [{"role": "assistant", "content": "x", "tool_calls": [{"a": 1}]}],
]


def test_every_form():
    values = [HumanMessage("a"), ("ai", "b"), {"role": "user", "content": "c"}, "d"]
    assert [message.content for message in messages_in(values)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("values", NO_MESSAGES, ids=str)
def test_what_is_no_message_is_one_sentence(values):
    with pytest.raises(ShapeError, match=r"cannot be read as messages .*Give messages"):
        messages_in(values)


@pytest.mark.parametrize("values", NO_MESSAGES, ids=str)
def test_as_a_question_too(values):
    aligner = MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(lambda prompt: "So."))
    with pytest.raises(ShapeError):
        aligner.align(values, AIMessage("Because."))
