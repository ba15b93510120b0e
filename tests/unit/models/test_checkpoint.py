"""Checkpoints: found, read, shared, and refused with one clear sentence."""

import json
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub.constants
import pytest
import sentencepiece
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GPT2Config,
    LlamaModel,
    LlamaTokenizer,
    T5Config,
)
from transformers.utils import logging as transformers_logging

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.models import checkpoint
from langchain_metaaligner.models import spec as spec_module
from langchain_metaaligner.models.checkpoint import CheckpointSpec, adopt, load

TEXTS = [
    "Edit: ",
    "a | Answer: b | Edit: ",
    "two  spaces,   three",
    "\n\nHuman: one \n\nAssistant:",
    "\n",
    " leading",
    "  two leading",
    "trailing  ",
    " ",
    "",
    "tab\tand\r\nlines",
    "émoji 😀 ü 日本語 \u202bright to left",
    "the e\u0301 ﬁ ａｂｃ \u00a0x",
    "</s>",
    "fake </s><s>end <unk> [INST] <<SYS>>",
    "{braces} ▁mark <0x41>",
    "the answer should be clear. " * 40,
]


def spec(folder, **options) -> CheckpointSpec:
    return CheckpointSpec(model=str(folder), device="cpu", **options)


class TestTokenIds:
    @pytest.mark.parametrize("layout", ["published", "modern"])
    def test_are_those_of_sentencepiece(self, layout, published, request):
        """The vocabulary's own program is the judge, for any text whatever."""
        judge = sentencepiece.SentencePieceProcessor(model_file=str(published / "tokenizer.model"))
        loaded = load(spec(request.getfixturevalue(layout)))
        assert loaded.encode(TEXTS) == [[1, *judge.encode(text)] for text in TEXTS]

    def test_a_bare_sentencepiece_file_is_a_llama_tokenizer(self, published, tmp_path):
        keep = ("config.json", "tokenizer.model", "pytorch_model")
        for file in published.iterdir():
            if file.name.startswith(keep):
                tmp_path.joinpath(file.name).write_bytes(file.read_bytes())
        assert load(spec(tmp_path)).encode(TEXTS) == load(spec(published)).encode(TEXTS)

    def test_and_masks_are_those_of_the_research_script(self, published, prompts):
        research = LlamaTokenizer.from_pretrained(published, padding_side="left")
        research.pad_token = research.unk_token
        expected = research(prompts, return_tensors="pt", padding=True)
        loaded = load(spec(published))
        given = loaded.tokenizer(prompts, return_tensors="pt", padding=True)
        assert torch.equal(given["input_ids"], expected["input_ids"])
        assert torch.equal(given["attention_mask"], expected["attention_mask"])
        assert loaded.pad_id == research.unk_token_id == 0

    def test_decode_strips_nothing(self, published):
        loaded = load(spec(published))
        text = "  two  spaces \n\n and , a comma  "
        ids = loaded.encode([text])[0]
        assert loaded.decode([*ids, 2, 0, 0]) == text

    def test_from_many_threads(self, published):
        loaded = load(spec(published))
        expected = loaded.encode(TEXTS)
        with ThreadPoolExecutor(16) as pool:
            assert all(got == expected for got in pool.map(loaded.encode, [TEXTS] * 64))


class TestLoading:
    def test_both_layouts_hold_the_same_weights(self, published, modern):
        old, new = load(spec(published)).model, load(spec(modern)).model
        assert old.state_dict().keys() == new.state_dict().keys()
        assert all(
            torch.equal(old.state_dict()[key], new.state_dict()[key]) for key in new.state_dict()
        )

    def test_once_under_concurrency(self, published, monkeypatch):
        reads = []
        read = checkpoint.read
        monkeypatch.setattr(checkpoint, "read", lambda one: reads.append(one) or read(one))
        barrier = threading.Barrier(8)

        def race(_):
            barrier.wait()
            return load(spec(published))

        with ThreadPoolExecutor(8) as pool:
            assert len({id(one) for one in pool.map(race, range(8))}) == 1
        assert len(reads) == 1

    def test_defaults_and_their_values_share_weights(self, published, monkeypatch):
        monkeypatch.setattr(spec_module, "best_device", lambda: "cpu")
        explicit = load(spec(published, dtype=torch.float32))
        assert load(CheckpointSpec(model=str(published))) is explicit
        monkeypatch.chdir(published.parent)
        assert load(CheckpointSpec(model=published.name, dtype="fp32")) is explicit

    def test_another_dtype_is_another_copy(self, published):
        assert load(spec(published, dtype="bf16")).model.dtype == torch.bfloat16
        assert load(spec(published)).model.dtype == torch.float32

    def test_a_failed_load_is_not_remembered(self, broken):
        config = broken / "config.json"
        content = config.read_text()
        config.write_text("{")
        with pytest.raises(CheckpointError):
            load(spec(broken))
        config.write_text(content)
        assert load(spec(broken)).model is not None

    def test_unload_forgets(self, published):
        first = load(spec(published))
        checkpoint.unload()
        assert load(spec(published)) is not first

    def test_sampling_defaults_of_the_checkpoint_do_not_apply(self, published):
        config = load(spec(published)).model.generation_config
        assert (config.do_sample, config.temperature, config.repetition_penalty) == (None,) * 3
        assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (1, [2], 0)

    def test_metadata(self, published, modern):
        assert load(spec(modern)).metadata == {"template": "IMHI"}
        assert load(spec(published)).metadata == {}

    def test_device_map(self, published):
        by_name = load(CheckpointSpec(model=str(published), device_map="cpu"))
        by_layer = load(CheckpointSpec(model=str(published), device_map={"": "cpu"}))
        assert {by_name.model.device.type, by_layer.model.device.type} == {"cpu"}

    def test_leaves_the_verbosity_of_transformers_as_it_was(self, published):
        before = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity(logging.INFO)
        try:
            load(spec(published))
            assert transformers_logging.get_verbosity() == logging.INFO
            assert transformers_logging.is_progress_bar_enabled()
        finally:
            transformers_logging.set_verbosity(before)

    def test_says_nothing_when_all_is_well(self, published, capfd):
        load(spec(published))
        assert capfd.readouterr() == ("", "")

    def test_gpt2_style_tokenizers_pad_with_what_they_have(self, modern):
        model = load(spec(modern)).model
        tokenizer = AutoTokenizer.from_pretrained(modern, unk_token=None, pad_token="</s>")
        _, taken = adopt(model, tokenizer)
        assert taken.pad_id == 2


class TestBrokenCheckpoints:
    def test_unknown_on_the_hub(self, monkeypatch):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(CheckpointError, match="'nobody/nothing' could not be read") as caught:
            load(CheckpointSpec(model="nobody/nothing", device="cpu"))
        assert isinstance(caught.value.__cause__, OSError)

    def test_truncated_safetensors(self, broken):
        weights = broken / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:2000])
        with pytest.raises(CheckpointError, match="incomplete or corrupt") as caught:
            load(spec(broken))
        assert caught.value.__cause__ is not None

    @pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps(print)])
    def test_garbage_instead_of_pickled_weights(self, broken, content):
        (broken / "model.safetensors").unlink()
        (broken / "pytorch_model.bin").write_bytes(content)
        with pytest.raises(CheckpointError, match="incomplete or corrupt"):
            load(spec(broken))

    def test_missing_tensors(self, broken):
        from safetensors.torch import load_file, save_file

        weights = load_file(broken / "model.safetensors")
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, broken / "model.safetensors", {"format": "pt"})
        with pytest.raises(CheckpointError, match=r"lack 1 of .*layers\.1\.mlp\.up_proj"):
            load(spec(broken))

    def test_a_missing_shard(self, published, tmp_path):
        for file in published.iterdir():
            if "00002-of" not in file.name:
                tmp_path.joinpath(file.name).write_bytes(file.read_bytes())
        with pytest.raises(CheckpointError, match="could not be loaded"):
            load(spec(tmp_path))

    def test_weights_of_another_size(self, broken):
        config = json.loads((broken / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps({**config, "intermediate_size": 80}))
        with pytest.raises(CheckpointError, match="could not be loaded"):
            load(spec(broken))

    @pytest.mark.parametrize("also", ["", "tokenizer_config.json"])
    def test_no_tokenizer(self, broken, also):
        (broken / "tokenizer.json").unlink()
        if also:
            (broken / also).unlink()
        with pytest.raises(CheckpointError, match="okenizer"):
            load(spec(broken))

    def test_metadata_that_is_not_json(self, broken):
        (broken / "metaaligner.json").write_text("{")
        with pytest.raises(CheckpointError, match="not valid JSON"):
            load(spec(broken))
        (broken / "metaaligner.json").write_text("[]")
        with pytest.raises(CheckpointError, match="must hold a JSON object"):
            load(spec(broken))


TINY_BERT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}


class TestNotADecoder:
    @pytest.mark.parametrize("kind", [BertModel, BertForMaskedLM])
    def test_an_encoder(self, kind, tmp_path):
        config = BertConfig(num_attention_heads=2, vocab_size=30, **TINY_BERT)
        kind(config).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match=f"{kind.__name__}, which cannot continue a text"):
            load(spec(tmp_path))

    @pytest.mark.parametrize(
        "config",
        [
            BertConfig(num_attention_heads=2),
            BertConfig(architectures=["BertLMHeadModel"]),
            T5Config(),
            T5Config(architectures=["T5ForConditionalGeneration"]),
            GPT2Config(architectures=["GPT2ForSequenceClassification"]),
        ],
        ids=lambda config: f"{config.model_type}-{config.architectures}",
    )
    def test_by_its_config_before_any_weights(self, config, tmp_path):
        config.save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"never read")
        with pytest.raises(CheckpointError, match="cannot continue a text"):
            load(spec(tmp_path))

    def test_a_decoder_without_its_head(self, modern, broken):
        LlamaModel.from_pretrained(modern).save_pretrained(broken)
        with pytest.raises(CheckpointError, match="LlamaModel, which cannot continue"):
            load(spec(broken))

    def test_a_pipeline_with_an_encoder(self, modern):
        bert = BertForMaskedLM(BertConfig(num_attention_heads=2, vocab_size=30, **TINY_BERT))
        with pytest.raises(CheckpointError, match="BertForMaskedLM"):
            adopt(bert, AutoTokenizer.from_pretrained(modern))
