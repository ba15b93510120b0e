"""A conversation, raw and corrected."""

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.objectives import parse_objectives
from langchain_metaaligner.playground.chatting import Turn, answer_turn, messages_of
from langchain_metaaligner.testing import FakeAlignerLLM

HARMLESS = parse_objectives(["harmless"])


class RecordingModel(GenericFakeChatModel):
    """Keeps what it was asked."""

    asked: list = []  # noqa: RUF012 - a pydantic field

    def _generate(self, messages, *args, **kwargs):
        self.asked.append(messages)
        return super()._generate(messages, *args, **kwargs)


def aligner(function):
    return MetaAlignerRunnable(
        objectives=["fair"], request_objectives="any", llm=FakeAlignerLLM(function)
    )


def test_a_turn_grows_and_is_corrected():
    model = GenericFakeChatModel(messages=iter([AIMessage("You fool. Nine minutes.")]))
    editor = aligner(lambda prompt: "Nine minutes.")
    *growing, last = answer_turn(model, editor, HARMLESS, [], "How long?")
    assert growing[0] == Turn("How long?")
    assert growing[-1].draft == "You fool. Nine minutes."
    assert len(growing) > 3
    assert last.draft == "You fool. Nine minutes."
    assert last.final == "Nine minutes."
    assert last.record.original == last.draft
    assert last.record.objectives == ("harmless",)


def test_the_model_sees_the_corrected_turns_and_the_aligner_the_whole_dialogue():
    model = RecordingModel(messages=iter([AIMessage("You fool. A."), AIMessage("You fool. B.")]))
    prompts = []

    def edit(prompt):
        prompts.append(prompt)
        return prompt.rpartition("You fool. ")[2][:2]

    *_, first = answer_turn(model, aligner(edit), HARMLESS, [], "One?")
    *_, second = answer_turn(model, aligner(edit), HARMLESS, [first], "Two?")
    assert [message.text for message in model.asked[1]] == ["One?", "A.", "Two?"]
    assert second.final == "B."
    assert "Two?" in prompts[1]


def test_a_failing_model_is_an_error_of_the_turn():
    model = GenericFakeChatModel(messages=iter([]))
    *_, last = answer_turn(model, aligner(lambda prompt: "x"), HARMLESS, [], "Why?")
    assert last.record is None
    assert last.error.startswith("The chat model failed.")


def test_a_failing_aligner_leaves_the_draft():
    def fail(prompt):
        raise RuntimeError("broken")

    model = GenericFakeChatModel(messages=iter([AIMessage("Because.")]))
    *_, last = answer_turn(model, aligner(fail), HARMLESS, [], "Why?")
    assert last.final == "Because."
    assert (last.record.decision, last.record.reason) == ("kept", "error")


def test_turns_without_an_answer_are_no_messages_of_the_model():
    turns = [Turn("One?", error="The chat model failed."), Turn("Two?", draft="B.")]
    assert messages_of(turns) == [HumanMessage("One?"), HumanMessage("Two?"), AIMessage("B.")]
