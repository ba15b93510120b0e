"""Guesses of an edit's next tokens."""

from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.decode.pointer import Pointer

TOKENS = st.lists(st.integers(0, 5), max_size=60)


def foreseen(draft, edit, most=8, phrases=None):
    """How many passes an edit takes when each verifies up to ``most`` guesses."""
    pointer, made, passes = Pointer(draft, len(draft), phrases), 0, 0
    while made < len(edit):
        guess, right = pointer.guess(most), 0
        while right < len(guess) and edit[made + right : made + right + 1] == [guess[right]]:
            right += 1
        step = edit[made : made + right + 1]
        pointer.follow(step)
        made += len(step)
        passes += 1
    return passes


class TestPointer:
    def test_foretells_a_copy(self):
        draft = list(range(80))
        assert foreseen(draft, draft) == 9

    def test_goes_on_behind_what_was_taken_out(self):
        draft = list(range(80))
        assert foreseen(draft, draft[:20] + draft[25:]) <= 11

    def test_goes_on_behind_a_long_removal(self):
        draft = list(range(100, 200))
        assert foreseen(draft, draft[:20] + draft[60:]) <= 11

    def test_goes_on_behind_an_insertion(self):
        draft = list(range(80))
        assert foreseen(draft, [*draft[:40], 901, 902, 903, *draft[40:]]) <= 16

    def test_goes_on_behind_a_replacement(self):
        draft = list(range(80))
        assert foreseen(draft, [*draft[:40], 900, *draft[41:]]) <= 11

    def test_prefers_the_nearest_of_like_places(self):
        draft = [1, 2, 3, 7, 8, 9, 1, 2, 3, 4, 5, 6]
        pointer = Pointer(draft, len(draft))
        pointer.follow([1, 2, 3])
        assert pointer.guess(2) == [7, 8]

    def test_guesses_nothing_beyond_the_draft(self):
        pointer = Pointer([2, 3, 4], 2)
        assert pointer.guess(9) == [2, 3]
        pointer.follow([2, 3])
        assert pointer.guess(9) == []

    def test_foretells_what_an_earlier_edit_wrote_on_its_own(self):
        phrases, offer = Phrases(), list(range(900, 940))
        first, second = list(range(80)), list(range(100, 180))
        alone = foreseen(first, [*first[:60], *offer, *first[60:]], phrases=phrases)
        assert alone > 40
        assert foreseen(second, [*second[:30], *offer, *second[30:]], phrases=phrases) < 25

    def test_a_copy_leaves_nothing_to_remember(self):
        phrases, draft = Phrases(), list(range(80))
        foreseen(draft, [*draft[:20], 900, *draft[21:50], *draft[60:]], phrases=phrases)
        assert phrases.after([19, 900]) == []

    @given(draft=TOKENS, edits=st.lists(TOKENS, max_size=4))
    def test_never_fails(self, draft, edits):
        phrases = Phrases()
        for edit in edits:
            pointer = Pointer(draft, len(draft), phrases)
            for token in edit:
                assert len(pointer.guess(4)) <= 4
                pointer.follow([token])
