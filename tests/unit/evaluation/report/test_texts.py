"""Questions and changes on the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.evaluation.report.texts import last_turn, shortened, text_diff


def test_diffs_are_escaped():
    assert "<script" not in text_diff("<script>a", "<script>b & c")
    assert text_diff("You fool. So.", "So.") == "<del>You fool. </del>So."


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("Eggs?", "Eggs?"),
        ("\n\nHuman: Eggs? \n\nAssistant:", "Eggs?"),
        ("\n\nHuman: Hi.\n\nAssistant: Hello.\n\nHuman: Eggs?\nHow long? \n\nAssistant:",
         "Eggs?\nHow long?"),
        ("Who was Human: the first?", "Who was Human: the first?"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_last_turn_of_a_dialogue(question, shown):
    assert last_turn(question) == shown


@given(st.text(), st.integers(10, 200))
def test_a_shortened_text_fits(text, length):
    line = shortened(text, length)
    assert len(line) <= length + 2
    assert "\n" not in line
