"""Guesses of an edit's next tokens."""

from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.models.drafting import WIDTHS, Pace, Pointer, Track, best_width

TOKENS = st.lists(st.integers(0, 5), max_size=60)


def foreseen(draft, edit, most=8):
    """How many tokens of an edit are guessed when each pass verifies up to ``most``."""
    pointer, made, passes = Pointer(draft, 0, len(draft)), 0, 0
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
        pointer = Pointer(draft, 0, len(draft))
        pointer.follow([1, 2, 3])
        assert pointer.guess(2) == [7, 8]

    def test_guesses_nothing_beyond_the_draft(self):
        pointer = Pointer([1, 2, 3, 4], 1, 3)
        assert pointer.guess(9) == [2, 3]
        pointer.follow([2, 3])
        assert pointer.guess(9) == []

    @given(draft=TOKENS, edit=TOKENS)
    def test_never_fails(self, draft, edit):
        pointer = Pointer(draft, 0, len(draft))
        for token in edit:
            assert len(pointer.guess(4)) <= 4
            pointer.follow([token])


class TestWidth:
    def pace(self, fixed, each):
        pace = Pace()
        for tokens in (1, 8, 64, 512):
            pace.passed(tokens, fixed + each * tokens)
        return pace

    def track(self, pace, chance):
        track = Track(Pointer(list(range(500)), 0, 500), pace)
        for _ in range(60):
            for state in range(9):
                track.pointer.foretold = state
                track.verified([1], chance)
        return track

    def test_is_one_where_guesses_are_wrong(self):
        pace = self.pace(0.001, 0.001)
        assert best_width([self.track(pace, 0).gains(63)] * 8, pace) == 1

    def test_is_wide_where_they_are_right_and_a_pass_costs_little(self):
        pace = self.pace(0.01, 0.00001)
        assert best_width([self.track(pace, 1).gains(63)], pace) == WIDTHS[-1]

    def test_is_one_where_every_token_costs_as_much_as_a_pass(self):
        pace = self.pace(0.0, 0.001)
        assert best_width([self.track(pace, 0.5).gains(63)], pace) == 1

    def test_never_passes_what_rows_can_use(self):
        assert best_width([[1.0, 1.9], [1.0]], Pace()) <= 2

    @given(st.lists(st.tuples(st.integers(1, 5000), st.floats(1e-6, 1)), max_size=30))
    def test_costs_are_positive(self, passes):
        pace = Pace()
        for tokens, seconds in passes:
            pace.passed(tokens, seconds)
        assert all(pace.cost(tokens) > 0 for tokens in (1, 2, 7, 100, 5000, 9999))
