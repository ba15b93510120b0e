"""What llama.cpp makes of our GGUF files, where llama-cpp-python is installed."""

import pytest
import torch
from tiny_gguf import write_tiny_gguf

from langchain_metaaligner.models.checkpoint import CheckpointSpec, load

llama_cpp = pytest.importorskip("llama_cpp")


def test_the_logits_of_a_prompt_are_the_same(tmp_path):
    """Marks are logits, so that an extractive checkpoint marks there what it marks here."""
    write_tiny_gguf(tmp_path / "tiny.gguf")
    loaded = load(CheckpointSpec(model=str(tmp_path), device="cpu"))
    ids = loaded.encode(["The quick brown fox. Edit it, please."])[0]
    with torch.inference_mode():
        expected = loaded.model(torch.tensor([ids])).logits[0]
    other = llama_cpp.Llama(str(tmp_path / "tiny.gguf"), n_ctx=64, logits_all=True, verbose=False)
    other.eval(ids)
    found = torch.tensor(other.scores[: len(ids)])
    assert torch.allclose(found, expected, atol=1e-2)
