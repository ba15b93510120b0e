"""Checkpoints that mark what is to go, by a model whose marks are known."""

import asyncio
import json

import pytest
from tiny_extractive import write_extractive

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.errors import CheckpointError, SettingError

DRAFTS = {
    "Rain is near. Go away! Stay in.": "Rain is near. Stay in.",
    "Well#  really, it rains.": "Really, it rains.",
    "Plain text": "Plain text",
    "Two cats~ sleep, or do.\n\nBe gone! So be it.": "Two sleep, or do.\n\nSo be it.",
    "Go!": "Go!",
    "```\nx = 1!\n```\n日本 😀 it is!\nBye <|im_end|> now": "```\nx = 1!\n```\nBye <|im_end|> now",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(write_extractive(tmp_path_factory.mktemp("extractive")))


@pytest.fixture
def aligner(folder):
    return MetaAlignerRunnable(objectives=["harmless"], model=folder)


@pytest.mark.parametrize("draft", DRAFTS)
def test_what_is_marked_goes(aligner, draft):
    alignment = aligner.align("Why?", draft)
    assert alignment.text == DRAFTS[draft]
    assert alignment.decision == ("unchanged" if DRAFTS[draft] == draft else "edited")


@pytest.mark.parametrize("share", [True, False])
def test_a_batch_edits_each_as_alone(folder, share):
    llm = AlignerLLM(model=folder, share_batches=share, batch_size=4)
    aligner = MetaAlignerRunnable(objectives=["harmless"], llm=llm)
    results = aligner.align_batch([("Why?", draft) for draft in DRAFTS])
    assert [one.text for one in results] == list(DRAFTS.values())


def test_async_and_streams(aligner):
    draft, edit = next(iter(DRAFTS.items()))
    value = {"question": "Why?", "answer": draft}
    assert asyncio.run(aligner.ainvoke(value))["answer"] == edit
    pieces = [chunk.get("answer", "") for chunk in aligner.stream(value)]
    assert "".join(pieces) == edit


def test_the_prompt_alone_is_enough(folder):
    llm = AlignerLLM(model=folder)
    prompt = aligner_prompt("Go away! It rains.")
    assert llm.invoke(prompt) == "It rains."
    assert llm.generate([prompt]).llm_output["token_usage"]["completion_tokens"] == 9


def aligner_prompt(draft):
    return f"Edit this | Query: Why? | Answer: {draft} | Edit: "


def test_a_prompt_without_a_draft_is_refused(folder):
    with pytest.raises(SettingError, match="edit template"):
        AlignerLLM(model=folder).invoke("Hello!")


def test_caution_keeps_what_is_hardly_marked(folder, tmp_path):
    draft = "Rain is near. Go away! Stay in."
    llm = AlignerLLM(model=folder, caution=50)
    assert MetaAlignerRunnable(objectives=["harmless"], llm=llm).align("Why?", draft).text == draft
    careful = str(write_extractive(tmp_path, caution=50))
    assert (
        MetaAlignerRunnable(objectives=["harmless"], model=careful).align("?", draft).text == draft
    )
    llm = AlignerLLM(model=careful, caution=0)
    assert MetaAlignerRunnable(objectives=["harmless"], llm=llm).align("?", draft).text != draft


def test_an_edit_that_has_no_room_is_cut(folder):
    llm = AlignerLLM(model=folder, max_new_tokens=4)
    alignment = MetaAlignerRunnable(objectives=["harmless"], llm=llm).align("?", "Go! It rains.")
    assert (alignment.decision, alignment.reason) == ("kept", "truncated")


@pytest.mark.parametrize("share", [True, False])
def test_options_without_effect_are_refused(folder, share):
    llm = AlignerLLM(model=folder, generation={"do_sample": True}, share_batches=share)
    with pytest.raises(SettingError, match="do_sample=True"):
        llm.invoke(aligner_prompt("It rains."))


@pytest.mark.parametrize("marks", [[3, 4, 5], [3, 4, 5, 10**6], "3456", [3, 4, 5, "6"], 7])
def test_marks_that_no_model_has(tmp_path, marks):
    folder = write_extractive(tmp_path)
    told = json.loads((folder / "metaaligner.json").read_text())
    (folder / "metaaligner.json").write_text(json.dumps({**told, "marks": marks}))
    with pytest.raises(CheckpointError, match="marks="):
        AlignerLLM(model=str(folder)).invoke(aligner_prompt("It rains."))
