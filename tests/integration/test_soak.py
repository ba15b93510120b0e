"""Whatever comes, the draft survives; whoever calls, the answers stay apart."""

import asyncio
import gc
import random
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit import question as upstream
from langchain_metaaligner.testing import FakeAlignerLLM

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
HOSTILE = st.lists(
    ANY_TEXT
    | st.sampled_from(
        [" | Edit: ", " | Answer: ", " | Query: ", "\n\nHuman: ", "\n\nAssistant:", "</s>", "{0}"]
    ),
    max_size=5,
).map("".join)


def drafted(prompt):
    """What stands in the answer slot: an aligner that finds nothing to change."""
    return prompt.rpartition(" | Answer: ")[2].removesuffix(" | Edit: ")


@pytest.mark.parametrize("template", ["HH-RLHF", "UltraFeedback", "IMHI"])
def test_ten_thousand_pairs_keep_their_drafts(template):
    aligner = MetaAlignerRunnable(
        objectives=["fair"], llm=FakeAlignerLLM(drafted), template=template
    )
    seen = 0

    @settings(
        max_examples=3400,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(HOSTILE, HOSTILE)
    def check(question, answer):
        nonlocal seen
        seen += 1
        alignment = aligner.align(question, answer)
        assert alignment.original == answer
        assert alignment.text == answer
        assert alignment.decision in ("unchanged", "kept")
        if alignment.decision == "kept":
            asked = bool(question.strip()) and bool(answer.strip())
            reasons = ("empty", "looping") if asked else ("empty_draft", "no_question")
            assert alignment.reason in reasons

    check()
    assert seen >= 3400


class Slow(BaseChatModel):
    """Gives everybody the same reply, each after a time of its own."""

    @property
    def _llm_type(self):
        return "slow"

    def _generate(self, messages, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=AIMessage("the same reply"))])

    async def _agenerate(self, messages, **kwargs):
        await asyncio.sleep(random.random() / 100)
        return self._generate(messages)


async def test_two_thousand_concurrent_calls_over_one_runnable():
    def asked(prompt):
        return "edit for " + prompt.partition(" | Query: ")[2].partition(" | Answer: ")[0]

    aligner = MetaAlignerRunnable(
        objectives=["fair"], llm=FakeAlignerLLM(asked), template="UltraFeedback"
    )
    chain = Slow() | aligner

    async def rush(count):
        results = await asyncio.gather(*(chain.ainvoke(f"question {i}") for i in range(count)))
        assert [one.content for one in results] == [f"edit for question {i}" for i in range(count)]
        aligner.llm.calls.clear()
        del results
        await asyncio.sleep(0.1)  # the loop lets go of the gathered future
        gc.collect()

    await rush(200)
    held, blocks = upstream.pending(), sys.getallocatedblocks()
    await rush(2000)
    assert upstream.pending() == held
    assert sys.getallocatedblocks() - blocks < 2000


async def test_the_event_loop_is_never_blocked():
    def slow(prompt):
        import time

        time.sleep(0.3)
        return "edited"

    aligner = MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(slow))
    chain = GenericFakeChatModel(messages=iter([AIMessage("draft")] * 2)) | aligner
    longest, last = 0.0, asyncio.get_running_loop().time()

    async def tick():
        nonlocal longest, last
        while True:
            now = asyncio.get_running_loop().time()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    assert (await chain.ainvoke("q")).content == "edited"
    assert "".join([chunk.content async for chunk in chain.astream("q")]) == "edited"
    ticking.cancel()
    assert longest < 0.25
