"""Decoding by transformers' own ``generate``."""

import pytest

from langchain_metaaligner.decode.generate import PlainLoop, generate
from langchain_metaaligner.decode.row import Claim, Decoding, Row
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load


@pytest.fixture
def model(published):
    return load(CheckpointSpec(model=str(published), device="cpu"))


def test_rows_are_padded_and_go_as_far_as_each_has_room(model, prompts):
    rows = [Row(prompt, model, Decoding(9)) for prompt in prompts[:4]]
    alone = [generate([Row(prompt, model, Decoding(9))])[0] for prompt in prompts[:4]]
    for made, wanted in zip(generate(rows), alone, strict=True):
        assert made[: len(wanted)] == wanted
        assert set(made[len(wanted) :]) <= {model.pad_id}


def test_a_row_that_nobody_waits_for_ends_early(model, prompts):
    claim, tokens = Claim(), []
    options = {"min_new_tokens": 60}
    gone = Row(prompts[0], model, Decoding(60, options=options), claim=claim)

    def leave(module, args, output):
        tokens.append(1)
        if len(tokens) == 3:
            claim.cancel()

    handle = model.model.register_forward_hook(leave)
    generate([gone])
    handle.remove()
    assert len(tokens) <= 4


def test_a_loop_goes_on_where_a_row_has_more_room(model, prompts):
    short, long = Row(prompts[0], model, Decoding(2)), Row(prompts[1], model, Decoding(30))
    alone = Row(prompts[1], model, Decoding(30))
    alone.extend(generate([alone])[0])
    loop = PlainLoop()
    loop.admit([short, long])
    assert short in loop.step()
    while loop.rows:
        loop.step()
    assert long.ids == alone.ids
