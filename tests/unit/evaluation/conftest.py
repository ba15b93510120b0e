"""A judge whose replies are made by a function of what it was asked."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_metaaligner.evaluation.judge.ask import Judge


class ScriptedJudge(BaseChatModel):
    """Replies what ``reply`` makes of the last message; ``asked`` has all of them."""

    reply: Callable[[str], Any]
    asked: list[str]

    @property
    def _llm_type(self):
        return "scripted"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(messages[-1].text)
        content = self.reply(messages[-1].text)
        usage = {"input_tokens": 100, "output_tokens": 2, "total_tokens": 102}
        message = AIMessage(content, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])


def shorter(text):
    """Names the shorter of the two responses."""
    first, _, second = text.partition("RESPONSE 1: ")[2].partition("\n | RESPONSE 2: ")
    second = second.partition("\nConsider the following")[0]
    return "0" if len(first) == len(second) else "1" if len(first) < len(second) else "2"


@pytest.fixture
def make_judge():
    """Makes a judge of a function from the prompt to the reply; by itself the shorter wins."""

    def make(reply=shorter, **options):
        return Judge(ScriptedJudge(reply=reply, asked=[]), "scripted", **options)

    return make
