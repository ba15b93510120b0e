import json

from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.edit.record import Alignment


def alignment(original, text):
    return Alignment(text=text, original=original, decision="edited", objectives=("fair",))


def test_diff():
    one = alignment("You fool, it is 5 pm.", "It is 5 pm <sharp>.")
    assert one.diff == "[-You fool, it-]{+It+} is 5 pm{+ <sharp>+}."
    assert "&lt;sharp&gt;" in one.diff_html
    assert "<sharp>" not in one.diff_html
    assert "<del" in one.diff_html


def test_record_is_plain_and_comes_back():
    one = alignment("a", "b")
    record = json.loads(json.dumps(one.record()))
    assert Alignment(**record).diff == one.diff


@given(st.text(), st.text())
def test_changes_rebuild_both_texts(original, text):
    changes = list(alignment(original, text).changes())
    assert "".join(piece for change, piece in changes if change != "added") == original
    assert "".join(piece for change, piece in changes if change != "removed") == text


def test_a_notebook_shows_draft_and_answer_side_by_side():
    one = Alignment(
        text="It is <5> pm.", original="You fool. It is <5> pm.", decision="edited",
        objectives=("fair", "harmless"), model="mini", seconds=0.254,
    )  # fmt: skip
    page = one._repr_html_()
    assert "edited · mini · fair, harmless · 0.25 s" in page
    draft, answer = page.split("<small>answer</small>")
    assert ">You fool. </del>" in draft
    assert "You fool" not in answer
    assert "It is &lt;5&gt; pm." in answer


def test_a_kept_draft_says_why():
    one = Alignment(
        text="a", original="a", decision="kept", reason="too_long", detail="It does not fit.",
        model="mini", objectives=("fair",),
    )  # fmt: skip
    assert "kept (too_long) · mini · fair" in one._repr_html_()
    assert "It does not fit." in one._repr_html_()
    assert str(one) == "kept (too_long) · mini · fair\na"
