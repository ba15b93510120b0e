"""Ten thousand calls at once on one model: every caller gets the answer of its own prompt."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.decode.lookup import LookupLoop
from langchain_metaaligner.models.aligner import AlignerLLM

CALLS = 10_000
THINGS = ["kettle", "pump", "ladder", "bridge", "candle", "needle", "mirror", "anchor", "whistle"]


def drafts(number):
    """Different questions with drafts of different length."""
    chance = random.Random(4)
    return [
        (
            f"What is a {chance.choice(THINGS)} of kind {at}?",
            " ".join(
                f"{chance.choice(THINGS)} {at} has part {n}." for n in range(chance.randint(1, 3))
            ),
        )
        for at in range(number)
    ]


async def test_ten_thousand_calls_are_not_mixed_up(monkeypatch):
    aligner = MetaAlignerRunnable(
        objectives=["harmless"],
        llm=AlignerLLM(device="cpu", max_new_tokens=6, batch_size=64),
        on_failure="original",
    )
    kinds = drafts(100)
    alone = aligner.llm.model_copy(update={"share_batches": False, "decoding": "greedy"})
    prompts = [
        aligner.edit_template.format(question, draft, aligner.objectives)
        for question, draft in kinds
    ]
    expected = alone.batch(prompts)
    assert len(set(expected)) > 30

    rows, step = [], LookupLoop.step

    def watched(self):
        rows.append(len(self.rows))
        return step(self)

    monkeypatch.setattr(LookupLoop, "step", watched)
    chance = random.Random(9)
    asked = [chance.randrange(len(prompts)) for _ in range(CALLS)]
    made = await asyncio.gather(*(aligner.llm.ainvoke(prompts[at]) for at in asked))
    assert made == [expected[at] for at in asked]
    assert len(rows) < sum(rows) / 8


def test_threads_of_whole_chains_are_not_mixed_up():
    aligner = MetaAlignerRunnable(objectives=["harmless"], model_kwargs={"device": "cpu"})
    kinds = drafts(12)
    expected = [alignment.text for alignment in aligner.align_batch(kinds)]
    asked = list(range(len(kinds))) * 4

    def call(at):
        question, draft = kinds[at]
        return aligner.invoke({"question": question, "answer": draft})["answer"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(call, asked)) == [expected[at] for at in asked]
