"""Marked drafts: what is read, what is refused, and what pairs they make."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.data.marked import MarkedDraft, read_marked
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.objectives import KNOWN

DRAFT = (
    "{{length:Great question! Ovens||Ovens}} dry bread out.{{harmless: As any fool knows.||}} "
    "{{professional:gonna||going to}} cover it."
)


def test_the_edit_repairs_what_is_asked_for_and_nothing_else():
    marked = MarkedDraft.parse("Why?", DRAFT)
    rendered = marked.render(["harmless", "fair"])
    assert rendered.draft == (
        "Great question! Ovens dry bread out. As any fool knows. gonna cover it."
    )
    assert rendered.edit == "Great question! Ovens dry bread out. gonna cover it."
    assert marked.render(()).edit == rendered.draft
    assert marked.objectives == {"length", "harmless", "professional"}


def test_a_flaw_can_be_repaired_beforehand():
    marked = MarkedDraft.parse("Why?", DRAFT)
    rendered = marked.with_only({marked.flaws[1]}).render(["length", "harmless"])
    assert rendered.draft == "Ovens dry bread out. As any fool knows. going to cover it."
    assert rendered.edit == "Ovens dry bread out. going to cover it."


def test_places_are_those_of_the_words_that_differ():
    draft, edit, going, staying, kept, written = MarkedDraft.parse("Why?", DRAFT).render(["length"])
    assert [draft[a:b] for a, b, _ in going] == ["Great question! "]
    assert [draft[a:b] for a, b, _ in staying] == [" As any fool knows.", "gonna"]
    assert [edit[a:b] for a, b, _ in kept] == [" As any fool knows.", "gonna"]
    assert [edit[a:b] for a, b, _ in written] == [""]
    assert [one.objective for one in staying] == ["harmless", "professional"]


def test_white_space_goes_with_a_flaw_at_either_end():
    marked = MarkedDraft.parse("Q", "{{length:Sure!||}} Yes. {{harmless:Now go away.||}}")
    rendered = marked.render(["length", "harmless"])
    assert rendered.draft == "Sure! Yes. Now go away."
    assert rendered.edit == "Yes."


def test_double_braces_of_code_and_formulas_are_text():
    text = "Write `{{ name }}`, `style={{color: 'red'}}` or \\frac{1}{{x}}. a || b"
    assert MarkedDraft.parse("Q", text).render(()).edit == text


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("{{harmless:You fool.}} Yes.", "broken"),
        ("{{Harmless:You fool.||}} Yes.", "broken"),
        ("{{helful:Look it up.||}} Yes.", "Did you mean 'helpful'"),
        ("{{harmless:a {{fair:b||}} c||}}", "nest"),
        ("{{harmless:same||same}} Yes.", "nothing to repair"),
        ("{{harmless: ||}}Yes.", "nothing to repair"),
        ("  ", "empty"),
    ],
)
def test_a_broken_mark_is_named(marked, words):
    with pytest.raises(DataError, match=re.escape(words)):
        MarkedDraft.parse("Q", marked)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": "Q"}', "has question"),
        ('{"question": "Q", "marked": "{{honest:x"}', "broken"),
        ("[]", "not a JSON object"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, words):
    path = tmp_path / "drafts.jsonl"
    path.write_text(json.dumps({"question": "Q", "marked": "Fine."}) + f"\n{line}\n")
    with pytest.raises(DataError, match=f"(?s)line 2.*{words}"):
        read_marked([path])


def test_files_without_drafts_are_refused(tmp_path):
    (tmp_path / "drafts.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"No marked drafts in .*drafts\.jsonl"):
        read_marked([tmp_path / "drafts.jsonl"])
    with pytest.raises(DataError, match="no file"):
        read_marked([])


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="{}|"), max_size=20)
WORD = TEXT.filter(str.strip)
FLAW = st.tuples(st.sampled_from(sorted(KNOWN)), WORD, TEXT).filter(lambda one: one[1] != one[2])
DRAFTS = st.lists(WORD | FLAW, min_size=1, max_size=6)


@given(DRAFTS, st.sets(st.sampled_from(sorted(KNOWN))), st.sets(st.integers(0, 5)))
def test_drafts_of_any_text(pieces, asked, present):
    marked = "".join(
        one if isinstance(one, str) else "{{%s:%s||%s}}" % one  # noqa: UP031
        for one in pieces
    )
    draft = MarkedDraft.parse("Q", marked)
    found = "".join(one if isinstance(one, str) else one[1] for one in pieces)
    assert draft.render(asked).draft == found
    rest = draft.with_only(present)
    rendered = rest.render(asked) if rest.pieces else draft.render(asked)
    for text, spans in (
        (rendered.draft, (*rendered.going, *rendered.staying)),
        (rendered.edit, (*rendered.kept, *rendered.written)),
    ):
        assert all(0 <= one.start <= one.end <= len(text) for one in spans)
    assert {one.objective for one in rendered.going} <= asked
    assert not {one.objective for one in rendered.staying} & asked
    if not rendered.going:
        assert rendered.edit.strip() == rendered.draft.strip()
