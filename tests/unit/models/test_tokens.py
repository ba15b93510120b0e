"""Texts to token ids: remembered, and bounded."""

from threading import Lock

from langchain_metaaligner.models.tokens import Encodings


def test_the_oldest_give_way():
    calls = []
    encodings = Encodings(lambda text: calls.append(text) or [1] * len(text), Lock(), most=10)
    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        assert encodings[text] == [1] * 4
    assert calls == ["aaaa", "bbbb", "cccc", "bbbb"]


def test_a_text_that_is_larger_than_all_is_not_kept():
    calls = []
    encodings = Encodings(lambda text: calls.append(text) or [1] * len(text), Lock(), most=10)
    assert encodings["x" * 11] == encodings["x" * 11]
    assert len(calls) == 2


def test_callers_may_change_what_they_get():
    encodings = Encodings(lambda text: [1, 2], Lock())
    encodings["a"].append(3)
    assert encodings["a"] == [1, 2]
