import pickle

import pytest

from langchain_metaaligner.checks import LengthKept
from langchain_metaaligner.checks.texts import new_sentences, sentences
from langchain_metaaligner.errors import SettingError

DRAFT = "Bread keeps longer in a linen bag than in plastic, because it can breathe there."


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One line", ["One line"]),
        ("Is it? Yes! Good…", ["Is it?", "Yes!", "Good…"]),
        ("- a\n- b\n\nEnd.", ["- a", "- b", "End."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("お茶を飲みます。水も飲みます。", ["お茶を飲みます。", "水も飲みます。"]),
        ("It costs 3.50 at www.shop.org today.", ["It costs 3.50 at www.shop.org today."]),
    ],
)
def test_sentences(text, parts):
    assert ["".join(part.split()) for part in sentences(text)] == [
        "".join(part.split()) for part in parts
    ]


def test_only_sentences_that_are_new():
    edit = "Bread keeps. It breathes there."
    assert new_sentences("Bread keeps. Go away.", edit) == ["It breathes there."]
    assert new_sentences(edit, edit) == []


@pytest.mark.parametrize(
    ("check", "edit", "refused"),
    [
        (LengthKept(), DRAFT, False),
        (LengthKept(), DRAFT * 2, False),
        (LengthKept(), DRAFT * 2 + "!", True),
        (LengthKept(), DRAFT[: len(DRAFT) // 4], False),
        (LengthKept(), "Linen.", True),
        (LengthKept(longer=0), DRAFT + "!", True),
        (LengthKept(longer=0), f"  {DRAFT}\n", False),
        (LengthKept(longer=None), DRAFT * 9, False),
        (LengthKept(shorter=None), "Linen.", False),
        (LengthKept(shorter=0), DRAFT[:-1], True),
    ],
)
def test_length(check, edit, refused):
    refusal = check(DRAFT, edit)
    assert (refusal is not None and refusal.reason) == ("length" if refused else False)
    assert pickle.loads(pickle.dumps(check)) == check


def test_the_detail_has_both_lengths():
    assert LengthKept()("abcd", "ab" * 1000).detail == (
        "The edit has 2,000 characters, the draft 4."
    )


@pytest.mark.parametrize(
    "options",
    [
        {"longer": -0.1},
        {"shorter": 1.5},
        {"longer": "0.5"},
        {"shorter": True},
        {"longer": float("nan")},
        {"longer": None, "shorter": None},
    ],
)
def test_limits_that_are_none(options):
    with pytest.raises(SettingError, match="LengthKept"):
        LengthKept(**options)
