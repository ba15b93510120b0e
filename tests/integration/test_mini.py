"""The bundled checkpoint behind the runnable: real weights, real edits."""

import asyncio
import json
import pickle
import time
from pathlib import Path

import pytest
import torch
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumps, loads
from transformers import AutoModelForCausalLM, AutoTokenizer

import langchain_metaaligner
from langchain_metaaligner import AlignerLLM, EditTemplate, MetaAlignerRunnable, Objective
from langchain_metaaligner.models.spec import MINI_FOLDER

DRAFTS = json.loads(
    (Path(langchain_metaaligner.__file__).parent / "cli" / "drafts.json").read_text()
)


@pytest.fixture(scope="module")
def aligner():
    return MetaAlignerRunnable(objectives=["harmless", "helpful"])


def test_loads_with_plain_transformers():
    model = AutoModelForCausalLM.from_pretrained(MINI_FOLDER, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(MINI_FOLDER)
    prompt = EditTemplate.named("UltraFeedback").format("Why?", "Because it rained.", ["harmless"])
    ids = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    output = model.generate(**ids, max_new_tokens=64, do_sample=False)
    text = tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert text == AlignerLLM.from_pretrained("mini", dtype="float32").invoke(prompt)


def test_is_small_enough_to_ship():
    assert sum(file.stat().st_size for file in MINI_FOLDER.iterdir()) < 25_000_000


@pytest.mark.parametrize("text", ["  two  spaces\n\n- list", "Zoë: 30 °C → 🙂", "| a | b |\t1,000"])
def test_tokenizer_gives_back_any_text(text):
    tokenizer = AutoTokenizer.from_pretrained(MINI_FOLDER)
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_edits_of_the_demo_are_made_by_weights(aligner):
    """The last two drafts have no flaw, and stay as they are."""
    decisions = []
    for draft in DRAFTS:
        config = {"configurable": {"objectives": draft["objectives"]}}
        alignment = aligner.align(draft["question"], draft["answer"], config)
        assert alignment.model == "mini"
        assert alignment.completion_tokens > 5
        decisions.append(alignment.decision)
    assert decisions == ["edited"] * (len(DRAFTS) - 2) + ["unchanged"] * 2


def test_chain_batch_and_stream_agree(aligner):
    questions = [draft["question"] for draft in DRAFTS]
    llm = FakeListChatModel(responses=[draft["answer"] for draft in DRAFTS])
    one_by_one = [
        (FakeListChatModel(responses=[draft["answer"]]) | aligner).invoke(draft["question"]).content
        for draft in DRAFTS
    ]
    batch = (llm | aligner).batch(questions, {"max_concurrency": 1})
    assert [message.content for message in batch] == one_by_one
    first = FakeListChatModel(responses=[DRAFTS[0]["answer"]]) | aligner
    assert "".join(chunk.content for chunk in first.stream(questions[0])) == one_by_one[0]
    # Lookup decoding brings many tokens a piece, greedy decoding one.
    for decoding, least in (("lookup", 2), ("greedy", 5)):
        live = MetaAlignerRunnable(
            objectives=["harmless", "helpful"],
            streaming="live",
            model_kwargs={"decoding": decoding},
        )
        chain = FakeListChatModel(responses=[DRAFTS[0]["answer"]]) | live
        pieces = [chunk.content for chunk in chain.stream(questions[0])]
        assert len(pieces) > least
        assert "".join(pieces) == one_by_one[0]


async def test_live_stream_leaves_the_loop_alone():
    token_by_token = {"decoding": "greedy"}
    live = MetaAlignerRunnable(
        objectives=["harmless"], streaming="live", model_kwargs=token_by_token
    )
    chain = FakeListChatModel(responses=[DRAFTS[0]["answer"]]) | live
    stamps = []

    async def tick():
        while True:
            stamps.append(time.perf_counter())
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    pieces = [chunk.content async for chunk in chain.astream(DRAFTS[0]["question"])]
    ticking.cancel()
    assert len(pieces) > 5
    assert len(stamps) > 5


def test_hostile_drafts_survive(aligner, hostile):
    alignment = aligner.align("why?", hostile[:2000])
    assert alignment.original == hostile[:2000]


def test_a_draft_beyond_the_context_is_kept(aligner):
    draft = "An honest sentence about the weather in the hills. " * 2000
    alignment = aligner.align("why?", draft)
    assert (alignment.decision, alignment.reason) == ("kept", "too_long")
    assert alignment.text == draft


def test_an_edit_that_runs_out_of_tokens_is_kept():
    short = MetaAlignerRunnable(objectives=["harmless"], model_kwargs={"max_new_tokens": 3})
    alignment = short.align(DRAFTS[0]["question"], DRAFTS[0]["answer"])
    assert (alignment.decision, alignment.reason) == ("kept", "truncated")


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_dumps_and_pickles_carry_no_weights(aligner):
    chain = FakeListChatModel(responses=[DRAFTS[0]["answer"]]) | aligner
    wanted = chain.invoke(DRAFTS[0]["question"]).content
    data = pickle.dumps(chain)
    assert len(data) < 100_000
    assert pickle.loads(data).invoke(DRAFTS[0]["question"]).content == wanted
    text = dumps(aligner)
    assert '"not_implemented"' not in text
    again = loads(
        text,
        allowed_objects=[MetaAlignerRunnable, Objective],
        valid_namespaces=["langchain_metaaligner"],
    )
    assert (FakeListChatModel(responses=[DRAFTS[0]["answer"]]) | again).invoke(
        DRAFTS[0]["question"]
    ).content == wanted


def test_template_comes_from_the_checkpoint(aligner):
    metadata = json.loads((MINI_FOLDER / "metaaligner.json").read_text())
    assert aligner.edit_template.name == metadata["template"]
