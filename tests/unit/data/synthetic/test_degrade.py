"""Degraded drafts and what an edit gives back."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_metaaligner.data.synthetic.degrade import (
    Degrader,
    choose_families,
    choose_objectives,
)
from langchain_metaaligner.data.synthetic.drafts import Draft, Sentence
from langchain_metaaligner.data.synthetic.families import ENDINGS, FAMILIES

SPLITS = st.sampled_from(["train", "held-out", "new wording"])


def draw(corpus, seed, split="train", families=None):
    rng = random.Random(seed)
    _, window = corpus.window(rng, rng.randint(6, 60))
    chosen = choose_families(rng, choose_objectives(rng)) if families is None else families
    sound = window[0][0] + "".join(gap + text for text, gap in window[1:])
    return sound, Degrader(rng, corpus.common, split).degrade(window, chosen)


def with_endings(sound, draft, undone):
    for family, ending in ENDINGS.items():
        if family in undone and family in draft.families:
            sound += ("\n\n" if "\n" in sound else " ") + ending
    return sound


@given(st.integers(0, 10**9), SPLITS)
def test_all_flaws_undone_give_the_sound_answer(corpus, seed, split):
    sound, draft = draw(corpus, seed, split)
    assert draft.render(FAMILIES) == with_endings(sound, draft, FAMILIES)


@given(st.integers(0, 10**9), SPLITS)
def test_an_edit_for_other_objectives_changes_nothing(corpus, seed, split):
    _, draft = draw(corpus, seed, split)
    others = [family for family in FAMILIES if family not in draft.families]
    assert draft.render(others) == draft.render()


@given(st.integers(0, 10**9), SPLITS)
@example(seed=1765, split="train")  # an opening before a sentence that had lost its capital
def test_every_family_that_is_named_can_be_undone(corpus, seed, split):
    _, draft = draw(corpus, seed, split)
    for family in draft.families:
        assert draft.render([family]) != draft.render()


@given(st.integers(0, 10**9))
def test_the_pieces_are_the_draft_and_name_their_flaw(corpus, seed):
    _, draft = draw(corpus, seed)
    pieces = list(draft.pieces())
    assert "".join(text for text, _ in pieces) == draft.render()
    assert {family for _, family in pieces if family} == draft.families


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_degrades_an_answer(corpus, family):
    changed = [draw(corpus, seed, families=[family])[1] for seed in range(40)]
    assert sum(family in draft.families for draft in changed) > 8


def test_the_same_seed_gives_the_same_draft(corpus):
    assert draw(corpus, 7)[1].render() == draw(corpus, 7)[1].render()


def test_a_sentence_behind_an_opening_goes_on_in_lower_case():
    one = Sentence("The sky is blue.", opening=("harmless", "Listen, you fool, "))
    draft = Draft([one, Sentence("Paris is far.", opening=("harmless", "Look, fool, "))])
    assert draft.render() == "Listen, you fool, the sky is blue. Look, fool, Paris is far."
    assert draft.render(["harmless"]) == "The sky is blue. Paris is far."


def test_swaps_of_two_families_are_undone_apart():
    one = Sentence("You are going to use it.")
    assert one.swap(0, 3, "U", "professional")
    assert one.swap(17, 20, "utilize", "readable")
    assert not one.swap(16, 19, "x", "professional")
    draft = Draft([one], {"professional", "readable"})
    assert draft.render() == "U are going to utilize it."
    assert draft.render(["readable"]) == "U are going to use it."
    assert draft.render(["professional"]) == "You are going to utilize it."


def test_a_dismissal_is_replaced_by_an_offer():
    draft = Draft([Sentence("Boil it."), Sentence("Go away.", family="helpful")], {"helpful"})
    assert draft.render(["helpful"]) == f"Boil it. {ENDINGS['helpful']}"


@given(st.integers(0, 10**9))
def test_one_to_four_objectives(seed):
    chosen = choose_objectives(random.Random(seed))
    assert 1 <= len(chosen) <= 4
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(FAMILIES)
