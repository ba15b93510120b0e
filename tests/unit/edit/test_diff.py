"""What an edit changed, as a person would mark it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.edit.diff import changes

texts = st.text() | st.lists(
    st.sampled_from(["Rinse it.", "Nobody likes you!", "let me know.\n", "a", " ", "b c d.", "…"])
).map(" ".join)


@given(texts, texts)
def test_the_pieces_are_both_texts(before, after):
    pieces = list(changes(before, after))
    assert "".join(text for kind, text in pieces if kind != "added") == before
    assert "".join(text for kind, text in pieces if kind != "removed") == after
    assert all(text for _, text in pieces)
    assert all(left[0] != right[0] for left, right in pairwise(pieces))


@given(texts)
def test_the_same_text_has_one_piece(text):
    assert list(changes(text, text)) == ([("same", text)] if text else [])


def marked(before, after):
    signs = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(signs[kind].format(text) for kind, text in changes(before, after))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (
            "Dry it flat. Nobody likes you. Figure it out on your own.",
            "Dry it flat. Let me know if you would like more detail.",
            "Dry it flat. [-Nobody likes you. Figure it out on your own.-]"
            "{+Let me know if you would like more detail.+}",
        ),
        (
            "Sure! I can try to help you do that to your neighbour.",
            "I cannot take part in anything that harms your neighbour.",
            "[-Sure! I can try to help you do that to your neighbour.-]"
            "{+I cannot take part in anything that harms your neighbour.+}",
        ),
        (
            "Oats keep u full until lunch and eggs are a gud choice.",
            "Oats keep you full until lunch and eggs are a good choice.",
            "Oats keep [-u-]{+you+} full until lunch and eggs are a [-gud-]{+good+} choice.",
        ),
        ("You fool. Rinse it.", "Rinse it.", "[-You fool. -]Rinse it."),
        ("Rinse it.", "Rinse it. Then dry it.", "Rinse it.{+ Then dry it.+}"),
        ("one two three", "four five six", "[-one two three-]{+four five six+}"),
        ("First.\n- a\n- b\n", "First.\n- a\n- c\n", "First.\n- a\n[-- b\n-]{+- c\n+}"),
    ],
)
def test_it_reads_as_a_person_marks(before, after, shown):
    assert marked(before, after) == shown


def test_long_texts_are_marked_too():
    before = " ".join(f"Sentence {n} stays as it was." for n in range(600))
    after = " ".join(f"Sentence {n} became another one." for n in range(600))
    pieces = list(changes(before, after))
    assert "".join(text for kind, text in pieces if kind != "added") == before
