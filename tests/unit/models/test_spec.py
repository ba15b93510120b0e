"""Which checkpoint, and how it is to be held; nothing is read."""

import json
import pickle

import pytest
import torch

from langchain_metaaligner.errors import CheckpointError, MissingExtraError, SettingError
from langchain_metaaligner.models import load as load_module
from langchain_metaaligner.models import spec as spec_module
from langchain_metaaligner.models.checkpoint import load
from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata, resolve


def spec(folder, **options) -> CheckpointSpec:
    return CheckpointSpec(model=str(folder), device="cpu", **options)


class TestSpec:
    def test_is_hashable_and_pickles(self):
        one = CheckpointSpec(
            model="a/b", device_map={"lm_head": 0, "model": 1}, dtype=torch.float16
        )
        assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
        assert one == CheckpointSpec(
            model="a/b", device_map={"model": 1, "lm_head": 0}, dtype="float16"
        )

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"dtype": "bfloat"}, r"dtype='bfloat' .* 'bfloat16', .*Did you mean 'bfloat16'"),
            ({"dtype": torch.int8}, "dtype='int8' is unknown"),
            ({"quantization": "2bit"}, "'8bit', '4bit'"),
            ({"device": "gpu"}, "device='gpu' is unknown"),
            ({"device": "cpu", "device_map": "auto"}, "Give one of them"),
        ],
    )
    def test_refuses(self, options, said):
        with pytest.raises(SettingError, match=said):
            CheckpointSpec(**options)

    def test_refuses_a_device_that_is_not_here(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(SettingError, match="'cuda:1' is not available here"):
            CheckpointSpec(device="cuda:1")

    def test_bfloat16_on_cuda(self, published, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        resolved = CheckpointSpec(model=str(published)).resolved()
        assert (resolved.device, resolved.dtype) == ("cuda", "bfloat16")

    def test_float32_on_mps(self, published, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        resolved = CheckpointSpec(model=str(published)).resolved()
        assert (resolved.device, resolved.dtype) == ("mps", "float32")

    def test_quantization_names_its_extra(self, published, monkeypatch):
        monkeypatch.setattr(load_module.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"langchain-metaaligner\[quantization\]"):
            load(spec(published, quantization="4bit"))


class TestResolve:
    def test_a_folder_is_its_absolute_path(self, published, monkeypatch):
        monkeypatch.chdir(published.parent)
        assert resolve(published.name) == str(published.resolve())

    def test_a_hub_id_stays(self):
        assert resolve("MetaAligner/MetaAligner-HH-RLHF-1.1B") == (
            "MetaAligner/MetaAligner-HH-RLHF-1.1B"
        )

    def test_mini_lies_beside_the_module(self, modern, monkeypatch):
        assert spec_module.MINI_FOLDER.parent.name == "models"
        monkeypatch.setitem(spec_module.BUNDLED, "mini", modern)
        assert resolve("mini") == str(modern.resolve())

    def test_mini_without_weights(self, tmp_path, monkeypatch):
        monkeypatch.setitem(spec_module.BUNDLED, "mini", tmp_path)
        with pytest.raises(CheckpointError, match=r"'mini' is missing from .*Install"):
            resolve("mini")

    @pytest.mark.parametrize("name", ["", "./nowhere", "/no/such/folder", "~/no-such", "a/b/c"])
    def test_no_such_folder(self, name):
        with pytest.raises(CheckpointError, match="is not a folder that exists"):
            resolve(name)

    def test_a_file_is_no_folder(self, published):
        with pytest.raises(CheckpointError, match="is not a folder that exists"):
            resolve(str(published / "config.json"))

    def test_without_config(self, broken):
        (broken / "config.json").unlink()
        with pytest.raises(CheckpointError, match=r"holds no config\.json"):
            resolve(str(broken))

    def test_without_weights(self, broken):
        (broken / "model.safetensors").unlink()
        with pytest.raises(CheckpointError, match="holds no weights"):
            resolve(str(broken))


class TestRemoteCode:
    def test_of_a_hub_id_needs_a_revision(self):
        with pytest.raises(SettingError, match="revision"):
            CheckpointSpec(model="some/model", trust_remote_code=True)
        assert CheckpointSpec(model="some/model", trust_remote_code=True, revision="abc123")

    def test_of_a_folder_does_not(self, published):
        assert spec(published, trust_remote_code=True).trust_remote_code


def test_metadata_of_a_folder_that_is_no_whole_checkpoint(tmp_path):
    """An adapter has no config.json, and may have metadata all the same."""
    assert read_metadata(spec(tmp_path)) == {}
    (tmp_path / "metaaligner.json").write_text(json.dumps({"prefix": "x"}))
    assert read_metadata(spec(tmp_path)) == {"prefix": "x"}


def test_attention_is_as_it_was_asked_for(published):
    assert load(spec(published, attn_implementation="eager")).model.config._attn_implementation == (
        "eager"
    )
    assert load(spec(published)) is not load(spec(published, attn_implementation="eager"))
