"""Words, clauses and sentences of a text."""

import pytest

from langchain_metaaligner.decode.passages import final_mark, line_marks, words


def cut(text):
    """The sentences of a text, each with its clauses."""
    sentences = {}
    for word in words(text):
        clauses = sentences.setdefault(word.sentence, {})
        clauses.setdefault(word.clause, []).append(text[word.start : word.end])
    return [[" ".join(clause) for clause in clauses.values()] for clauses in sentences.values()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. Go in!", [["It rains."], ["Go in!"]]),
        ("Well, it rains; go in", [["Well,", "it rains;", "go in"]]),
        ("A list:\n- tea\n- milk", [["A list:"], ["-"], ["tea"], ["-"], ["milk"]]),
        ("See e.g. Dr. J. Who at 3. Rest.", [["See e.g. Dr. J. Who at 3."], ["Rest."]]),
        ('He said "no." She left (early).', [['He said "no."'], ["She left", "(early)."]]),
        ("Rain – or snow – falls.", [["Rain", "– or snow", "– falls."]]),
        ("1. Stir it.\n2. Wait.", [["1."], ["Stir it."], ["2."], ["Wait."]]),
        ("", []),
        (" \n ", []),
        ("日本語です。はい", [["日本語です。はい"]]),
        ("Use が. Go on.", [["Use が."], ["Go on."]]),
    ],
)
def test_a_text_is_cut(text, expected):
    assert cut(text) == expected


def test_a_word_tells_what_ends_with_it():
    assert [word.ends for word in words("Well, no. Go\non")] == [2, 3, 3, 3]


def test_the_words_are_where_they_stand(hostile):
    found = words(hostile)
    assert [hostile[word.start : word.end] for word in found] == hostile.split()
    assert all(word.sentence <= word.clause <= at for at, word in enumerate(found))


@pytest.mark.parametrize(
    ("text", "mark"), [("Go.", "."), ("Go?!", "?!"), ('"Go."', '."'), ("Go", ""), ("", "")]
)
def test_the_mark_at_the_end(text, mark):
    assert final_mark(text) == mark


def test_marks_at_the_beginning_of_lines():
    text = "# Tea\n- warm it\n-\nI wait."
    assert list(line_marks(text, words(text))) == [(0, range(1, 2)), (2, range(3, 5))]
