"""Guesses of an edit's next tokens."""

from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.decode.pointer import MOST, Pace, Pointer, Track, best_numbers

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


class TestNumber:
    def pace(self, fixed, each):
        pace = Pace()
        for tokens in (1, 8, 64, 512):
            for _ in range(2):
                pace.passed(tokens, fixed + each * tokens)
        return pace

    def track(self, pace, chance):
        track = Track(Pointer(list(range(500)), 500), pace)
        for _ in range(60):
            for state in range(9):
                track.pointer.foretold = state
                track.verified([1], chance)
        return track

    def test_is_none_where_they_are_wrong(self):
        pace = self.pace(0.001, 0.001)
        assert best_numbers([self.track(pace, 0).reaches(63)] * 8, pace) == [0] * 8

    def test_is_all_where_they_are_right_and_a_pass_costs_little(self):
        pace = self.pace(0.01, 0.00001)
        assert best_numbers([self.track(pace, 1).reaches(63)], pace) == [63]

    def test_is_none_where_every_token_costs_as_much_as_a_pass(self):
        pace = self.pace(0.0, 0.001)
        assert best_numbers([self.track(pace, 0.5).reaches(MOST)], pace) == [0]

    def test_is_each_rows_own(self):
        pace = self.pace(0.01, 0.0005)
        sure, lost = self.track(pace, 1).reaches(40), self.track(pace, 0).reaches(40)
        many, few = best_numbers([sure, lost], pace)
        assert many > 20
        assert few <= 1

    def test_of_rows_without_guesses_is_none(self):
        assert best_numbers([[], []], Pace()) == [0, 0]

    @given(st.lists(st.tuples(st.integers(1, 5000), st.floats(1e-6, 1)), max_size=30))
    def test_costs_are_positive(self, passes):
        pace = Pace()
        for tokens, seconds in passes:
            pace.passed(tokens, seconds)
        assert all(pace.cost(tokens) > 0 for tokens in (1, 2, 7, 100, 5000, 9999))
