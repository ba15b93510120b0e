"""The dial: near ties go as the draft does, whichever way the edit is decoded."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_metaaligner.decode.dial import DialProcessor, Place, dialled, foretold

END = 0
IDS = st.lists(st.integers(1, 6), min_size=1, max_size=12)


def follow(draft, tokens):
    place = Place([*draft, END])
    for token in tokens:
        place.follow(token)
    return place


@given(IDS)
def test_a_copy_is_followed_to_its_end(draft):
    assert foretold(Place([*draft, END]), draft) == [*draft, END]
    assert follow(draft, [*draft, END]).next is None


def test_what_was_taken_out_is_never_pulled_back():
    # 3 stands in the passage that goes (2 3 4) and behind it: after it alone nothing is sure.
    draft = [1, 2, 3, 4, 3, 5, 6]
    assert follow(draft, [1, 3]).next is None
    assert follow(draft, [1, 3, 5]).next == 6
    assert follow(draft, [1, 5]).next == 6  # once in the draft


def test_words_of_the_model_s_own_leave_it_alone():
    assert follow([1, 2, 3], [1, 9]).next is None
    assert follow([1, 2, 3], [1, 9, 9, 3]).next == END


@settings(deadline=None)
@given(IDS, st.lists(st.integers(1, 8), max_size=12), st.lists(st.integers(1, 8), max_size=6))
def test_guesses_change_nothing(draft, made, guesses):
    place = follow(draft, made)
    told = foretold(place, guesses)
    assert told == [follow(draft, [*made, *guesses[:n]]).next for n in range(len(guesses) + 1)]
    assert place.next == told[0]


def test_the_favoured_token_is_taken_within_the_caution():
    logits = torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    assert dialled(logits, [2, 2, None], [1.0, 0.99, 50.0]).tolist() == [2, 1, 0]
    assert dialled(logits, [2, None, 1], [0.0] * 3).tolist() == [1, 1, 0]
    assert dialled(logits.half(), [2, 0, 1], [1.0, 2.0, 3.0]).tolist() == [2, 0, 1]


@pytest.mark.parametrize("caution", [0.0, 0.7, 3.0])
def test_the_processor_takes_the_same_tokens(caution):
    torch.manual_seed(0)
    draft = [3, 4, 5, 4, 6, END]
    table = torch.randn(8, 8) * 2  # logits by the token before
    place, made = Place(draft), [7]
    for _ in range(10):
        token = int(dialled(table[made[-1:]], [place.next], [caution]))
        place.follow(token)
        made.append(token)
    processor, row = (
        DialProcessor([Place(draft), Place(draft)], caution, 1),
        torch.tensor([[7], [7]]),
    )
    for _ in range(10):
        taken = processor(row, table[row[:, -1]]).argmax(-1, keepdim=True)
        row = torch.cat((row, taken), 1)
    assert row.tolist() == [made, made]
