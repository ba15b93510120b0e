"""Reading a checkpoint's files: what is refused, and in which words."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, GPT2Config, LlamaConfig, T5Config

from langchain_metaaligner.errors import CheckpointError, MissingExtraError
from langchain_metaaligner.models import load
from langchain_metaaligner.models.spec import CheckpointSpec


def placed(folder, **options) -> CheckpointSpec:
    return CheckpointSpec(model=str(folder), device="cpu", **options).resolved()


@pytest.mark.parametrize("layout", ["published", "modern"])
def test_both_layouts_are_read_into_evaluation_mode(layout, request):
    model, tokenizer = load.read(placed(request.getfixturevalue(layout)))
    assert not model.training
    assert next(model.parameters()).dtype == torch.float32
    assert tokenizer.eos_token == "</s>"


def test_in_the_type_that_was_asked_for(modern):
    model, _ = load.read(placed(modern, dtype="bfloat16"))
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_a_tensor_that_is_missing_is_named(broken):
    from safetensors.torch import load_file, save_file

    file = broken / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lack 1 .*model\.layers\.1\.mlp\.up_proj\.weight"):
        load.read(placed(broken))


def test_torn_weights_are_one_sentence(broken):
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="incomplete or corrupt"):
        load.read(placed(broken))


def test_a_config_that_is_no_json(broken):
    (broken / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"The config of .* could not be read"):
        load.read(placed(broken))


def test_a_folder_without_a_tokenizer(broken):
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (broken / name).unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match="tokenizer"):
        load.read(placed(broken))


@pytest.mark.parametrize(
    ("config", "architectures"),
    [
        (BertConfig(), ()),
        (BertConfig(), ("BertForMaskedLM",)),
        (T5Config(), ("T5ForConditionalGeneration",)),
        (LlamaConfig(), ("LlamaModel",)),
        (LlamaConfig(), ("LlamaForSequenceClassification",)),
    ],
)
def test_what_cannot_continue_a_text_is_refused(config, architectures):
    with pytest.raises(CheckpointError, match=r"'it' is a .* cannot continue a text"):
        load.require_decoder(config, architectures, "it")


@pytest.mark.parametrize(
    ("config", "architectures"),
    [
        (LlamaConfig(), ()),
        (LlamaConfig(), ("LlamaForCausalLM",)),
        (GPT2Config(), ("GPT2LMHeadModel",)),
        (BertConfig(is_decoder=True), ("BertLMHeadModel",)),
    ],
)
def test_decoders_are_taken(config, architectures):
    load.require_decoder(config, architectures, "it")


def test_remote_code_says_itself_that_it_decodes():
    config = SimpleNamespace(
        model_type="own", is_encoder_decoder=False, auto_map={"AutoModelForCausalLM": "own.Own"}
    )
    load.require_decoder(config, ("Own",), "it")


def test_a_device_map_places_the_model_itself(modern):
    device, options = load.placement(CheckpointSpec(model=str(modern), device_map="auto").placed())
    assert device is None
    assert options["device_map"] == "auto"


def test_quantization_names_what_is_to_be_installed(modern, monkeypatch):
    monkeypatch.setattr(load.importlib.util, "find_spec", lambda name: None)
    spec = CheckpointSpec(model=str(modern), device="cpu", quantization="4bit").placed()
    with pytest.raises(MissingExtraError, match=r"langchain-metaaligner\[quantization\]"):
        load.placement(spec)


def test_transformers_speaks_again_afterwards(modern):
    from transformers.utils import logging

    logging.set_verbosity_warning()
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load.read(placed(modern))
    with pytest.raises(CheckpointError):
        load.read(placed(Path(modern).parent))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
