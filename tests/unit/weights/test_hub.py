"""Small files of a checkpoint: there, not there, or nobody knows."""

import json

import httpx
import pytest
from huggingface_hub.errors import (
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.weights import hub
from langchain_metaaligner.weights.hub import optional_file, read_metadata

ANSWER = httpx.Response(404, request=httpx.Request("HEAD", "https://hub.example/x"))


class Hub:
    """A Hub that answers as it is told; by itself it has the file."""

    def __init__(self, path):
        self.path, self.answers, self.asked = path, [], 0

    def head(self, url, timeout):
        self.asked += 1
        if self.answers:
            answer = self.answers.pop(0)
            if answer is not None:
                raise answer

    def download(self, model, file, revision):
        return str(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    path = tmp_path / "metaaligner.json"
    path.write_text(json.dumps({"template": "IMHI"}))
    server = Hub(path)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(hub, "get_hf_file_metadata", server.head)
    monkeypatch.setattr(hub, "hf_hub_download", server.download)
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: None)
    return server


def absent(model, file, revision):
    raise RemoteEntryNotFoundError("no such file", response=ANSWER)


def test_a_file_that_is_there(server):
    assert read_metadata("some/aligner") == {"template": "IMHI"}


def test_a_file_that_the_hub_does_not_have(server, monkeypatch):
    server.answers = [RemoteEntryNotFoundError("no such file", response=ANSWER)]
    monkeypatch.setattr(hub, "hf_hub_download", absent)  # which notes it in the cache
    assert read_metadata("some/aligner") == {}
    assert server.asked == 1


def test_a_file_that_the_cache_knows_to_be_absent(server, monkeypatch):
    missing = object()  # as huggingface_hub marks it
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: missing)
    assert read_metadata("some/aligner") == {}
    assert server.asked == 0


def test_a_model_that_does_not_exist_is_told_when_it_is_read(server):
    server.answers = [RepositoryNotFoundError("no such model", response=ANSWER)]
    assert read_metadata("some/aligner") == {}


def test_offline_counts_what_is_in_the_cache(server):
    server.answers = [OfflineModeIsEnabled("offline")]
    assert read_metadata("some/aligner") == {}


@pytest.mark.parametrize(
    "blip", [ConnectionError("reset"), httpx.ConnectTimeout("slow"), httpx.ReadError("broken")]
)
def test_a_blip_of_the_network_changes_nothing(server, blip):
    server.answers = [blip, blip]
    assert read_metadata("some/aligner") == {"template": "IMHI"}
    assert server.asked == 3


def test_an_outage_is_not_an_absence(server):
    """Another template would be used for the life of the process."""
    server.answers = [ConnectionError("no network")] * 9
    with pytest.raises(CheckpointError, match=r"could not be asked .*HF_HUB_OFFLINE") as caught:
        read_metadata("some/aligner")
    assert caught.value.retryable
    assert server.asked == 3


def test_a_download_that_breaks_off_is_not_an_absence(server, monkeypatch):
    def breaks_off(model, file, revision):
        raise LocalEntryNotFoundError("cannot reach the Hub, and it is not in the cache")

    monkeypatch.setattr(hub, "hf_hub_download", breaks_off)
    with pytest.raises(CheckpointError) as caught:
        read_metadata("some/aligner")
    assert caught.value.retryable


@pytest.mark.parametrize("name", ["./nowhere", "", "a/b/c"])
def test_no_such_folder(name):
    with pytest.raises(CheckpointError, match="not a folder that exists") as caught:
        read_metadata(name)
    assert not caught.value.retryable


def test_of_a_folder(tmp_path):
    assert optional_file(str(tmp_path), "adapter_config.json", None) is None
    (tmp_path / "adapter_config.json").write_text("{}")
    assert optional_file(str(tmp_path), "adapter_config.json", None).parent == tmp_path


@pytest.mark.parametrize(("content", "said"), [("{", "not valid JSON"), ("[]", "JSON object")])
def test_metadata_that_cannot_be_used(tmp_path, content, said):
    (tmp_path / "metaaligner.json").write_text(content)
    with pytest.raises(CheckpointError, match=said):
        read_metadata(str(tmp_path))
