"""One pass over packed rows is many passes over single ones."""

import pytest
import torch

from langchain_metaaligner.decode.packed import Feed, packed
from langchain_metaaligner.decode.slots import SlotCache
from langchain_metaaligner.models.checkpoint import CheckpointSpec, load


@pytest.fixture
def model(published):
    return load(CheckpointSpec(model=str(published), device="cpu")).model


def likeliest(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].argmax(-1).tolist()


def step(model, cache, feeds):
    with torch.inference_mode():
        return packed(model, cache, feeds)


def test_the_example_of_the_module(model):
    """A row that is written, with two guesses of which the first is wrong, beside a new one."""
    cache, a, b = SlotCache(2), [1, 9, 30, 31, 32, 33, 34, 35], [1, 50, 51]
    step(model, cache, [Feed(a[:7], 0, 6)])
    row_a, row_b = step(model, cache, [Feed([a[7], 99, 98], 7), Feed(b, 0, 2)])
    assert row_a == likeliest(model, [*a, 99, 98])[7:]
    assert row_b == likeliest(model, b)[2:]
    # The keys of 99 and 98 lie in the slots of positions 8 and 9 still, and are not seen.
    right = row_a[0]
    (again, _) = step(model, cache, [Feed([right], 8), Feed([row_b[0]], 3)])
    assert again == likeliest(model, [*a, right])[8:]


def test_a_row_moves_to_another_place(model):
    cache, rows = SlotCache(2), [[1, 9, 30], [1, 50, 51, 52], [1, 7]]
    step(model, cache, [Feed(row, 0, len(row) - 1) for row in rows])
    cache.move(2, 0)  # the first has left
    made = step(model, cache, [Feed([60], 2), Feed([61], 4)])
    assert made == [likeliest(model, [1, 7, 60])[2:], likeliest(model, [1, 50, 51, 52, 61])[4:]]


@pytest.mark.parametrize("width", [1, 63, 64, 65, 140])
def test_rows_of_any_width_go_together(model, width):
    long = [1, *[5 + at % 90 for at in range(width)]]
    rows = [long, [1, 9, 30], [1]]
    made = step(model, SlotCache(2), [Feed(row, 0) for row in rows])
    assert made == [likeliest(model, row) for row in rows]


@pytest.mark.parametrize("known", [1, 8, 70])
@pytest.mark.parametrize("width", [65, 128, 129, 170])
def test_a_wide_row_goes_on_behind_what_is_known(model, known, width):
    """As where the beginning of a prompt was kept; beside it a row with chains of guesses."""
    long = [1, *[5 + at % 90 for at in range(known + width - 1)]]
    cache = SlotCache(2)
    step(model, cache, [Feed(long[:known], 0), Feed([1, 9, 30], 0)])
    feed = Feed([31, 40, *long[:width], 50, 51], 3, 0, [width, 2])
    made, chains = step(model, cache, [Feed(long[known:], known), feed])
    assert made == likeliest(model, long)[known:]
    assert chains[:2] == likeliest(model, [1, 9, 30, 31, 40])[3:]
    assert chains[2:-2] == likeliest(model, [1, 9, 30, 31, *long[:width]])[4:]
    assert chains[-2:] == likeliest(model, [1, 9, 30, 31, 50, 51])[4:]


def test_the_config_is_as_it_was(model):
    before = model.config._attn_implementation
    step(model, SlotCache(2), [Feed([1, 5], 0, 1)])
    assert model.config._attn_implementation == before
    with pytest.raises(IndexError):
        step(model, SlotCache(2), [Feed([1, 10**6], 0, 1)])
    assert model.config._attn_implementation == before


def test_guesses_beside_the_likeliest_follow_the_last_token(model):
    """Every chain is read as if it stood alone, and goes on where it was right."""
    cache, a, b = SlotCache(2), [1, 9, 30, 31, 32], [1, 50, 51]
    chains = [[33, 34, 35], [40, 41], [60], [70, 71, 72, 73]]
    step(model, cache, [Feed(b, 0, 2), Feed(a[:4], 0, 3)])
    guesses = [token for chain in chains for token in chain]
    _, made = step(
        model, cache, [Feed([52], 3), Feed([a[4], *guesses], 4, 0, list(map(len, chains[1:])))]
    )
    assert made[0] == likeliest(model, a)[-1]
    place = 1
    for chain in chains:
        assert made[place : place + len(chain)] == likeliest(model, [*a, *chain])[5:]
        place += len(chain)
    cache.shift(1, 4 + 1 + 3 + 2 + 1, 5, 4)  # the last chain was right
    _, made = step(model, cache, [Feed([53], 4), Feed([80, 81], 9)])
    assert made == likeliest(model, [*a, *chains[-1], 80, 81])[9:]


def test_a_new_row_may_bring_chains_of_guesses(model):
    feed = Feed([1, 9, 30, 31, 40, 41], 0, 2, [2])
    (made,) = step(model, SlotCache(2), [feed])
    assert made[0] == likeliest(model, [1, 9, 30])[-1]
    assert made[1:2] == likeliest(model, [1, 9, 30, 31])[-1:]
    assert made[2:] == likeliest(model, [1, 9, 30, 40, 41])[3:]
