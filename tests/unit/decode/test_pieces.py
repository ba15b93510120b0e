"""Pieces of text that no later token can change."""

import queue

import pytest

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.pieces import stream
from langchain_metaaligner.decode.row import Claim, Completion, Decoding
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load


@pytest.fixture
def model(published):
    return load(CheckpointSpec(model=str(published), device="cpu"))


def read(model, prompt, decoding, shared=True, claim=None):
    items = queue.SimpleQueue()
    stream(model, prompt, decoding, items.put, claim or Claim(), shared)
    pieces = []
    while True:
        item = items.get(timeout=30)
        if not isinstance(item, str):
            return pieces, item
        pieces.append(item)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("method", ["lookup", "greedy"])
@pytest.mark.parametrize("stop", [(), ("e", "th", "9")])
def test_add_up_to_what_is_made_at_once(model, prompts, shared, method, stop):
    for prompt in prompts[:4]:
        decoding = Decoding(40, stop=stop, method=method)
        pieces, last = read(model, prompt, decoding, shared)
        (wanted,) = complete(model, [prompt], decoding, shared=False)
        assert isinstance(last, Completion)
        assert "".join(pieces) == wanted.text == last.text
        assert last == wanted


def test_beams_come_in_one_piece(model, prompts):
    decoding = Decoding(12, options={"num_beams": 2})
    pieces, last = read(model, prompts[0], decoding)
    assert len(pieces) <= 1
    assert "".join(pieces) == last.text == complete(model, [prompts[0]], decoding)[0].text


@pytest.mark.parametrize("shared", [True, False])
def test_a_failure_is_the_last_item(model, prompts, monkeypatch, shared):
    def fail(*given, **named):
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(model.model, "forward", fail)
    pieces, last = read(model, prompts[0], Decoding(9), shared)
    assert pieces == []
    assert "the device is gone" in str(last)


def test_a_prompt_without_room_is_an_error_at_once(model):
    with pytest.raises(SettingError, match="fills the context"):
        stream(model, "seven " * 400, Decoding(9), lambda item: None, Claim())


def test_a_reader_that_has_left_already_hears_the_end(model, prompts):
    claim = Claim()
    claim.cancel()
    pieces, last = read(model, prompts[0], Decoding(40), claim=claim)
    assert pieces == []
    assert isinstance(last, BaseException)
