"""Checkpoints behind `MetaAlignerRunnable`: by folder, by pipeline, and shared."""

import json

import pytest
from langchain_core.load import dumps
from langchain_huggingface import HuggingFacePipeline
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.models import checkpoint

PAIR = {"question": "Why?", "answer": "Because it rained."}
NOTHING_REFUSED = {"checks": (), "model_kwargs": {"max_new_tokens": 4}}


def test_a_folder_as_the_model(published):
    aligner = MetaAlignerRunnable(objectives=["fair"], model=str(published), **NOTHING_REFUSED)
    alignment = aligner.align("Why?", "Because it rained.")
    assert alignment.original == "Because it rained."
    assert alignment.model == str(published)
    assert alignment.completion_tokens is not None
    prompt = aligner.edit_template.format(alignment.question, PAIR["answer"], ["fair"])
    assert alignment.prompt_tokens == len(aligner.editor.get_token_ids(prompt))


def test_a_pipeline_as_the_llm_is_taken_over(modern):
    task = pipeline(
        "text-generation",
        model=AutoModelForCausalLM.from_pretrained(modern),
        tokenizer=AutoTokenizer.from_pretrained(modern),
    )
    given = HuggingFacePipeline(pipeline=task, pipeline_kwargs={"max_new_tokens": 4})
    by_pipeline = MetaAlignerRunnable(objectives=["fair"], llm=given)
    by_folder = MetaAlignerRunnable(objectives=["fair"], model=str(modern), **NOTHING_REFUSED)
    assert isinstance(by_pipeline.llm, AlignerLLM)
    ours, theirs = by_folder.align(*PAIR.values()), by_pipeline.align(*PAIR.values())
    assert (ours.rejected, ours.reason) == (theirs.rejected, theirs.reason)
    assert ours.rejected is not None
    assert MetaAlignerRunnable(objectives=["fair"], llm=task).align(*PAIR.values()).original


def test_weights_are_shared_between_runnables(published, monkeypatch):
    reads = []
    read = checkpoint.read
    monkeypatch.setattr(checkpoint, "read", lambda spec: reads.append(spec) or read(spec))
    for objective in ("fair", "honest", "harmless"):
        aligner = MetaAlignerRunnable(objectives=[objective], model=str(published))
        aligner.model_copy().editor.get_num_tokens("x")
    assert len(reads) == 1


def test_weights_do_not_enter_a_dump(published):
    aligner = MetaAlignerRunnable(objectives=["fair"], model=str(published))
    aligner.editor.get_num_tokens("x")
    assert len(dumps(aligner)) < 3000
    assert '"not_implemented"' not in dumps(aligner)


def test_metadata_names_the_template(broken):
    (broken / "metaaligner.json").write_text(json.dumps({"template": "IMHI"}))
    aligner = MetaAlignerRunnable(objectives=["fair"], model=str(broken))
    assert aligner.edit_template.name == "IMHI"


@pytest.mark.parametrize("files", ["*.safetensors", "config.json", "tokenizer*"])
def test_incomplete_folders_are_errors_and_never_a_kept_draft(broken, files):
    for file in broken.glob(files):
        file.unlink()
    with pytest.raises(CheckpointError, match=str(broken)):
        MetaAlignerRunnable(objectives=["fair"], model=str(broken)).align("q", "a")


def test_corrupt_weights_are_an_error_in_every_face(broken):
    (broken / "model.safetensors").write_bytes(b"rubbish")
    aligner = MetaAlignerRunnable(objectives=["fair"], model=str(broken))
    for call in (
        aligner.invoke,
        lambda pair: aligner.batch([pair]),
        lambda p: [*aligner.stream(p)],
    ):
        with pytest.raises(CheckpointError, match="corrupt"):
            call(PAIR)


def test_a_wrong_option_of_the_model(published):
    with pytest.raises(SettingError, match="batch_size=0"):
        MetaAlignerRunnable(
            objectives=["fair"], model=str(published), model_kwargs={"batch_size": 0}
        )
    with pytest.raises(CheckpointError, match="not a folder"):
        MetaAlignerRunnable(objectives=["fair"], model="./nowhere")
