"""Checkpoints that are one GGUF file: read as they are, and refused with one clear sentence."""

import importlib.util
import json
import shutil

import pytest
import torch
from tiny_gguf import tiny_llama, write_tiny_gguf

from langchain_metaaligner import AlignerLLM
from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.models import checkpoint, spec
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    write_tiny_gguf(folder / "tiny.gguf")
    folder.joinpath("metaaligner.json").write_text(json.dumps({"template": "IMHI"}))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def read(folder, **options):
    return load(CheckpointSpec(model=str(folder), device="cpu", **options))


def test_the_weights_are_those_that_were_written(folder):
    loaded = read(folder)
    expected = tiny_llama(loaded.model.config.vocab_size)
    ids = torch.tensor([loaded.encode(["The quick brown fox."])[0]])
    with torch.inference_mode():
        assert torch.allclose(loaded.model(ids).logits, expected(ids).logits, atol=1e-5)
    assert loaded.metadata == {"template": "IMHI"}
    assert loaded.eos_ids == {2}


@pytest.mark.parametrize("text", ["Edit it.", "  two  spaces\n\n", "émoji 😀 日本", "<|im_end|>"])
def test_text_survives_its_token_ids(folder, text):
    loaded = read(folder)
    ids = loaded.encode([text])[0]
    assert loaded.decode(ids) == text
    assert not loaded.eos_ids & set(ids)


def test_it_edits_as_any_other(folder):
    llm = AlignerLLM(model=str(folder), device="cpu", max_new_tokens=6)
    greedy = AlignerLLM(model=str(folder), device="cpu", max_new_tokens=6, decoding="greedy")
    prompt = "a | Answer: The quick brown fox. | Edit: "
    assert llm.invoke(prompt) == greedy.invoke(prompt)
    assert llm.trained_template == "IMHI"


def test_files_beside_it_are_read_first(folder):
    alone = read(folder)
    alone.tokenizer.save_pretrained(folder)
    config = alone.model.config.to_dict()
    config.pop("quantization_config", None)
    config |= {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 128}
    (folder / "config.json").write_text(json.dumps(config))
    checkpoint.unload()
    beside = read(folder)
    assert (alone.context_length, beside.context_length) == (512, 128)
    texts = ["Edit it.", "  two  spaces", "<|im_end|>"]
    assert beside.encode(texts) == alone.encode(texts)
    weights = zip(beside.model.parameters(), alone.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


def test_in_bfloat16(folder):
    assert read(folder, dtype="bfloat16").model.dtype == torch.bfloat16


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_torn_file_is_refused(folder, share):
    path = folder / "tiny.gguf"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"(?s)could not be .*(incomplete|corrupt).*again"):
        read(folder)


def test_another_file_is_refused(folder):
    (folder / "tiny.gguf").write_bytes(b"<html>Not found</html>" * 100)
    with pytest.raises(CheckpointError, match=r"tiny\.gguf may be incomplete, corrupt or no GGUF"):
        read(folder)


def test_without_the_package_the_error_says_how_to_get_it(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "gguf" else find(name, *a)
    )
    with pytest.raises(CheckpointError, match="pip install gguf"):
        read(folder)


def test_several_files_are_no_checkpoint(folder):
    shutil.copy(folder / "tiny.gguf", folder / "another.gguf")
    with pytest.raises(CheckpointError, match=r"2 GGUF files: another\.gguf, tiny\.gguf"):
        AlignerLLM(model=str(folder))


def test_a_file_in_place_of_its_folder(folder):
    with pytest.raises(CheckpointError, match=r"Give the folder that holds tiny\.gguf"):
        AlignerLLM(model=str(folder / "tiny.gguf"))


def test_it_is_quantized_already(folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())
    with pytest.raises(SettingError, match="quantized already"):
        checkpoint.load(CheckpointSpec(model=str(folder), device="cpu", quantization="4bit"))


def test_a_bundled_name_is_its_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setitem(spec.BUNDLED, "small", folder)
    assert AlignerLLM(model="small").trained_template == "IMHI"
    monkeypatch.setitem(spec.BUNDLED, "small", tmp_path / "none")
    with pytest.raises(CheckpointError, match="'small' is missing"):
        AlignerLLM(model="small")
