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
                guess, sides = pointer.guess(4), pointer.sides(4)
                assert len(guess) <= 4
                assert all(1 <= len(tokens) <= 4 for _, tokens in sides)
                begun = [*guess[:1], *(tokens[0] for _, tokens in sides)]
                assert len(set(begun)) == len(begun)
                pointer.follow([token])


class TestWishes:
    """What the model would have written further on, from the pass that went wrong earlier."""

    def test_are_guessed_where_the_edit_gets_there(self):
        draft = list(range(40))
        pointer = Pointer(draft, 40)
        # The model takes out 5 and 6, would take out 21 and 22, and replace 30.
        wishes = [*range(5), 7, *range(6, 21), 23, *range(22, 30), 99, *range(31, 40)]
        pointer.heed(wishes, 5)
        pointer.follow([*range(5), 7])
        assert pointer.guess(99) == [*range(8, 21), *range(23, 30), 99, *range(31, 40)]
        assert pointer.guess(14) == [*range(8, 21), 23]

    def test_are_given_up_when_they_are_not_confirmed(self):
        pointer = Pointer(list(range(10)), 10)
        pointer.heed([50, 1, 2, 3, 60, 5, 6], 0)
        pointer.follow([50])
        assert pointer.guess(9) == [1, 2, 3, 60, 5, 6, 7, 8, 9]
        pointer.heed([70, 2, 3, 4, 5], 0)
        pointer.follow([70])
        assert pointer.guess(9) == [2, 3, 4, 5, 6, 7, 8, 9]

    def test_of_what_came_true_are_none(self):
        pointer = Pointer(list(range(10)), 10)
        pointer.heed(list(range(10)), 10)
        assert pointer.guess(99) == list(range(10))


class TestSides:
    """What may come beside the likeliest guess, where the pointer is not sure."""

    DRAFT = (*range(10), 50, *range(10, 20), 50, *range(20, 30), 50, *range(30, 40))

    def after(self, *made):
        pointer = Pointer(self.DRAFT, len(self.DRAFT))
        pointer.follow(made)
        return pointer

    def kinds(self, pointer):
        return {kind: tokens[0] for kind, tokens in pointer.sides(9)}

    def test_are_none_while_the_draft_is_copied(self):
        assert self.after().sides(9) == self.after(0, 1, 2).sides(9) == []

    def test_are_the_other_places_where_the_last_token_stands(self):
        pointer = self.after(0, 1, 2, 50)
        assert pointer.guess(2) == [10, 11]
        sides = pointer.sides(2)
        assert sides == [("place", [20, 21]), ("place", [30, 31])]
        pointer.follow([20])  # the second of them it was
        assert pointer.guess(2) == [21, 22]
        assert pointer.sides(2) == []

    def test_go_on_while_they_still_agree(self):
        draft = [1, 2, 3, 7, 8, 9, 1, 2, 4, 5, 6]
        pointer = Pointer(draft, len(draft))
        pointer.follow([40, 1])
        assert self.kinds(pointer) == {}  # both places go on alike
        pointer.follow([2])
        assert {pointer.guess(1)[0], *self.kinds(pointer).values()} == {3, 4}

    def test_are_a_place_far_away_where_none_is_near(self):
        pointer = Pointer(range(100), 100)
        pointer.follow([0, 1, 80])
        assert self.kinds(pointer)["far"] == 81

    def test_are_near_the_pointer_where_the_last_token_stands_nowhere(self):
        pointer = Pointer(range(100), 100)
        pointer.follow([0, 1, 900])
        assert pointer.guess(1) == [3]  # as if 2 had been replaced
        assert [tokens[0] for kind, tokens in pointer.sides(9) if kind == "shift"] == [4, 5, 2]

    def test_are_what_the_edit_itself_wrote_before(self):
        pointer = Pointer(range(100), 100, Phrases(most=0))
        pointer.follow([900, 901, 902, 903, 700, 900, 901])
        assert self.kinds(pointer)["repeat"] == 902

    def test_are_the_draft_where_a_phrase_is_expected(self):
        phrases = Phrases()
        phrases.write([900, 901, 902, 903])
        pointer = Pointer(range(100), 100, phrases)
        pointer.follow([0, 1, 900, 901])
        assert pointer.guess(2) == [902, 903]
        assert self.kinds(pointer)["draft"] == 4
