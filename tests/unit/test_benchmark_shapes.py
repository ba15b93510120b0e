"""The benchmark's large models make the mini's edits."""

import importlib.util
import sys
from pathlib import Path

import torch

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "shapes.py"
PROMPT = (
    "You are an assistant to human and will be presented with an answer to a query. | Query: How "
    "do I boil rice? | Answer: You fool. Rinse the rice first. | Edit: "
)


def test_a_grown_model_makes_the_same_edits():
    spec = importlib.util.spec_from_file_location("shapes", SCRIPT)
    sys.modules["shapes"] = shapes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shapes)
    held = load(CheckpointSpec(model="mini", device="cpu", dtype="float32"))
    large = shapes.grown(held, shapes.Shape(8, 512, 1024))
    ids = torch.tensor([held.encode([PROMPT])[0]])
    with torch.inference_mode():
        logits, grown = held.model(ids).logits, large.model(ids).logits
    assert torch.allclose(logits, grown, atol=1e-3)
    decoding = Decoding(max_new_tokens=40)
    assert complete(large, [PROMPT], decoding, shared=False) == complete(
        held, [PROMPT], decoding, shared=False
    )
