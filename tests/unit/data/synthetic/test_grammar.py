"""Phrase grammars and their splits."""

import random
from collections import Counter

import pytest

from langchain_metaaligner.data.synthetic.families import BREADTH, FAMILIES, FIRST_TIER, KNOWN
from langchain_metaaligner.data.synthetic.grammar import Grammar, is_held_out
from langchain_metaaligner.objectives import KNOWN as OBJECTIVES

GRAMMARS = [
    pytest.param(grammar, id=f"{name} {kind}")
    for name, family in KNOWN.items()
    for kind in ("sentence", "opening", "aside", "opener", "closer")
    if (grammar := getattr(family, kind)) is not None
]


def test_every_objective_has_a_family():
    assert set(FAMILIES) == set(OBJECTIVES)
    assert set(KNOWN) == set(FAMILIES) - {"repeat"}
    assert set(FIRST_TIER).isdisjoint(BREADTH)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_what_is_measured_was_never_trained_on(grammar):
    rng = random.Random(3)
    train = {grammar.draw(rng, "train") for _ in range(1500)}
    held = {grammar.draw(rng, "held-out") for _ in range(300)}
    assert train.isdisjoint(held)
    assert not any(is_held_out(phrase) for phrase in train)
    assert all(is_held_out(phrase) for phrase in held)
    assert not any("{" in phrase or "a(n)" in phrase for phrase in train | held)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_no_phrase_alone_decides_what_is_measured(grammar):
    rng = random.Random(5)
    drawn = Counter(grammar.draw(rng, "held-out").rstrip(".!") for _ in range(2000))
    assert drawn.most_common(1)[0][1] < 0.2 * 2000


@pytest.mark.parametrize("name", FIRST_TIER)
def test_the_first_tier_has_hundreds_of_phrases(name):
    rng = random.Random(4)
    if name == "repeat":
        pytest.skip("a repetition needs no phrases")
    for kind in ("sentence", "opening", "aside", "opener", "closer"):
        grammar = getattr(KNOWN[name], kind)
        if grammar is not None:
            assert len({grammar.draw(rng, "train") for _ in range(4000)}) > 400


def test_new_wording_uses_only_what_training_never_draws():
    grammar = Grammar(
        ["You {noun}.", "Plain."], {"noun": ["owl"]}, ["My, a {noun}."], {"noun": ["emu"]}
    )
    rng = random.Random(0)
    drawn = {grammar.draw(rng, "new wording") for _ in range(60)}
    assert drawn == {"You emu.", "My, a owl."}
    assert {grammar.draw(rng, "train") for _ in range(60)} <= {"You owl.", "Plain."}


def test_the_article_fits():
    grammar = Grammar(["A(n) {noun} and a(n) {noun}"], {"noun": ["owl"]})
    assert grammar.draw(random.Random(0), "new wording") == "An owl and an owl"
