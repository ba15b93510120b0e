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
    assert "edited" in one._repr_html_()


def test_record_is_plain_and_comes_back():
    one = alignment("a", "b")
    record = json.loads(json.dumps(one.record()))
    assert Alignment(**record).diff == one.diff


@given(st.text(), st.text())
def test_changes_rebuild_both_texts(original, text):
    changes = list(alignment(original, text).changes())
    assert "".join(piece for change, piece in changes if change != "added") == original
    assert "".join(piece for change, piece in changes if change != "removed") == text
