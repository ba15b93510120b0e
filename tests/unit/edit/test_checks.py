import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_metaaligner.edit.checks import loops, lost, refuse
from langchain_metaaligner.templates import ULTRAFEEDBACK


def reason(edit, draft="A draft.", raw=None, finish_reason="stop", **options):
    refusal = refuse(
        draft,
        edit,
        raw=edit if raw is None else raw,
        template=ULTRAFEEDBACK,
        finish_reason=finish_reason,
        **options,
    )
    return refusal and refusal.reason


LOOP = "I am sorry. " * 12


@pytest.mark.parametrize(
    ("edit", "options", "expected"),
    [
        ("Better.", {}, None),
        ("", {}, "empty"),
        (" \n", {}, "empty"),
        (LOOP, {}, "looping"),
        (LOOP, {"finish_reason": "length"}, "looping"),
        (LOOP, {"draft": LOOP}, None),
        ("Cut of", {"finish_reason": "length"}, "truncated"),
        ("Whole.", {"finish_reason": None}, None),
        ("Better. | Edit: more", {}, "template_leak"),
        ("A | Edit: b", {"raw": "A ¦ Edit: b"}, None),
        ("Better.", {"draft": "Pay 5.", "preserve": ["numbers"]}, "preserve"),
        ("Pay 5 now.", {"draft": "Pay 5.", "preserve": ["numbers"]}, None),
    ],
)
def test_reasons(edit, options, expected):
    assert reason(edit, **options) == expected


@pytest.mark.parametrize(
    ("kind", "draft", "edit", "missing"),
    [
        ("code", "Run `ls -l` and\n```py\nx=1\n```", "Run `ls -l` and", ["```py\nx=1\n```"]),
        ("code", "No code.", "None.", []),
        (
            "urls",
            "See https://a.org/x?y=1. Or www.b.org!",
            "See www.b.org",
            ["https://a.org/x?y=1"],
        ),
        ("urls", "(https://a.org/x)", "at https://a.org/x.", []),
        ("numbers", "3 of 1,000 at 10:30", "3 of 1000", ["1,000", "10:30"]),
        ("numbers", "2 and 2", "2", ["2"]),
        (
            "citations",
            "So [1], [2, 3] and (Yang et al., 2024).",
            "So [1].",
            ["[2, 3]", "(Yang et al., 2024)"],
        ),
    ],
)
def test_lost(kind, draft, edit, missing):
    assert lost(kind, draft, edit) == missing


@given(st.text(), st.sampled_from(["code", "urls", "numbers", "citations"]))
def test_nothing_is_lost_in_the_same_text(text, kind):
    assert lost(kind, text, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ha ha ha ha",
        "No loop here at all, just an ordinary sentence of words.",
        "1. a\n2. b\n3. c\n4. d\n",
        " " * 500,
    ],
)
def test_no_loop(text):
    assert not loops(text)


@pytest.mark.parametrize("piece", ["x", "word ", "A whole sentence that comes again. ", "ab\n"])
def test_loop_of_any_period(piece):
    assert loops("It begins well. " + piece * 60)


@given(st.text(min_size=1, max_size=30).filter(str.strip), st.text(max_size=30))
@example(piece=".0", before="")
def test_any_piece_said_sixty_times_is_a_loop(piece, before):
    assert loops(before + piece.strip() * 60)


@given(st.text("abc .0\n", min_size=1, max_size=30), st.text(max_size=30))
def test_a_loop_that_ends_otherwise_is_none(piece, before):
    assert not loops(f"{before}{piece * 60}!")
