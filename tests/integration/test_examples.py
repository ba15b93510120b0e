"""The examples run as they are, and under a hundred callers of whom some hang up."""

import asyncio
import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

import langchain_metaaligner
from langchain_metaaligner.testing import FakeAlignerLLM

EXAMPLES = Path(langchain_metaaligner.__file__).parents[1] / "examples"
CALLERS = 100
REFUSAL = "I cannot answer that at the moment."


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Editor(FakeAlignerLLM):
    """Takes the insult out; refuses to work on some prompts, and needs time as models do."""

    async def _agenerate(self, prompts, *args, **kwargs):
        await asyncio.sleep(random.uniform(0, 0.05))
        return self._generate(prompts)


def polite(prompt):
    draft = prompt.split(" | Answer: ")[1].split(" | Edit: ")[0]
    return "" if "21:00" in draft else draft.replace(" Nobody likes you.", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["agent", "rag"])
def test_an_example_runs(name):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "open from" in done.stdout
    assert "Nobody likes you" not in done.stdout


async def called(make, places):
    """What each caller saw; None for one that hung up."""
    rng = random.Random(7)
    tasks = []
    for number in range(CALLERS):
        task = asyncio.create_task(make(places[number % len(places)], number))
        tasks.append(task)
        if number % 4 == 0:
            asyncio.get_running_loop().call_later(rng.uniform(0, 0.08), task.cancel)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for one in answers:
        if isinstance(one, Exception):
            raise one
    return [None if isinstance(one, BaseException) else one for one in answers]


def check(answers, places, hours):
    assert sum(one is not None for one in answers) >= CALLERS * 3 // 4
    for number, seen in enumerate(answers):
        place = places[number % len(places)]
        if seen is None:
            continue
        assert "Nobody likes you" not in seen
        if place == "pool":  # whose edits are refused
            assert seen == REFUSAL
        else:
            assert hours[place] in seen
            assert not any(other in seen for name, other in hours.items() if name != place)


async def test_a_hundred_callers_of_the_agent():
    module = example("agent")
    agent = module.make_agent(module.Clerk(), llm=Editor(polite))

    async def ask(place, number):
        words = module.answer(agent, f"When does the {place} open?", f"thread-{number}")
        return "".join([word async for word in words])

    places = list(module.HOURS)
    check(await called(ask, places), places, module.HOURS)
    state = await agent.aget_state({"configurable": {"thread_id": "thread-1"}})
    record = state.values["messages"][-1].response_metadata["metaaligner"]
    assert "original" not in record
    assert "Nobody likes you" not in str(state.values)


async def test_a_hundred_callers_of_the_rag_chain():
    module = example("rag")
    retriever = module.make_retriever(DeterministicFakeEmbedding(size=16))
    chain = module.make_chain(retriever, llm=Editor(polite))

    async def ask(place, number):
        result = await chain.ainvoke({"question": f"When does the {place} open?"})
        record = result["record"]
        assert "original" not in record
        if place == "pool":
            assert (record["decision"], record["tries"]) == ("refused", 2)
        else:
            assert record["decision"] == "edited"
            assert "[1]" in result["answer"]
            assert f"https://{place}.example/hours" in result["answer"]
        return result["answer"]

    places = list(module.TEXTS)
    hours = {
        place: text.split("from ")[1].split(". See")[0] for place, text in module.TEXTS.items()
    }
    check(await called(ask, places), places, hours)


@pytest.mark.parametrize(
    ("edit", "context", "refused"),
    [("It opens at 9 [1].", ("a", "b"), False), ("It opens at 9 [3].", ("a", "b"), True)],
)
def test_a_citation_of_nothing_is_refused(edit, context, refused):
    module = example("rag")
    case = module.Case(draft="It opens at 9 [1].", edit=edit, context=context)
    assert (module.cites_what_is_there(case) is not None) == refused
