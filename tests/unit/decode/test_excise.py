"""What is taken out of a text, and how the rest reads."""

import pytest

from langchain_metaaligner.decode.excise import passages, without
from langchain_metaaligner.decode.passages import words


def after(text, *passages):
    """The text without passages, each of which stands in it once."""
    spans = [(text.index(one), text.index(one) + len(one)) for one in passages]
    inside = words(text)
    goes = [any(a <= word.start and word.end <= b for a, b in spans) for word in inside]
    return without(text, inside, goes)


@pytest.mark.parametrize(
    ("text", "passages", "expected"),
    [
        ("One. Two. Three.", ["Two."], "One. Three."),
        ("One. Two. Three.", ["One."], "Two. Three."),
        ("One. Two. Three.\n", ["Three."], "One. Two."),
        ("One.\n\nTwo.\n\nThree.", ["Two."], "One.\n\nThree."),
        ("One.\n\nTwo. Three.", ["Two."], "One.\n\nThree."),
        ("One. Two.\n\nThree.", ["Two."], "One.\n\nThree."),
        ("- a\n- b\n- c", ["- b"], "- a\n- c"),
        ("As I said, it rains.", ["As I said,"], "It rains."),
        ("as i said, it rains.", ["as i said,"], "it rains."),
        ("It rains, you fool.", ["you fool."], "It rains."),
        ("Does it rain, you fool? Yes.", ["you fool?"], "Does it rain? Yes."),
        ("It rains – you fool!\nGo.", ["– you fool!"], "It rains!\nGo."),
        ("It rains on stupid cats.", ["stupid"], "It rains on cats."),
        ("  Sure! It rains.", ["Sure!"], "  It rains."),
        ("Sure! it rains.", ["Sure!"], "it rains."),
        ("One. Two.", [], "One. Two."),
        ("One. Two.", ["One. Two."], "One. Two."),
        ("", [], ""),
    ],
)
def test_the_rest_reads_on(text, passages, expected):
    assert after(text, *passages) == expected


def odds(text, passages):
    """Odds by which the words of passages go, each as far as it reaches."""
    lines = []
    for word in words(text):
        reach = max(
            (r for one, r in passages.items() if text.index(one) + len(one) == word.end), default=0
        )
        lines.append([5.0 if reach >= r else -5.0 for r in (1, 2, 3)])
    return lines


def edit(text, caution=0.0, **reaches):
    marks = {key.replace("_", " "): reach for key, reach in reaches.items()}
    inside = words(text)
    return without(text, inside, passages(text, inside, odds(text, marks), caution))


def test_a_mark_takes_out_what_it_reaches():
    text = "Well now, it rains. Go in. Stay dry"
    assert edit(text, **{"now,": 2}) == "It rains. Go in. Stay dry"
    assert edit(text, **{"now,": 1}) == "Well it rains. Go in. Stay dry"
    assert edit(text, **{"in.": 3}) == "Well now, it rains. Stay dry"
    assert edit(text, **{"it": 3}) == "Well now, rains. Go in. Stay dry"


def test_caution_is_what_a_mark_must_exceed():
    text = "It rains. Go in."
    assert edit(text, 4.9, **{"in.": 3}) == "It rains."
    assert edit(text, 5.0, **{"in.": 3}) == text


def test_the_less_goes_with_it_the_surer_a_mark_has_to_be():
    text = "It rains, they say, on us."
    assert edit(text, 1.0, **{"they say,": 2}) == "It rains, on us."
    assert edit(text, 2.6, **{"they say,": 2}) == text
    assert edit(text, 1.0, **{"they say,": 1}) == "It rains, they on us."
    assert edit(text, 1.6, **{"they say,": 1}) == text


@pytest.mark.parametrize(
    "text",
    [
        "Run it:\n```\nGo in.\n```\nDone.",
        "Run it:\n\n  ~~~ sh\nGo in.\n  ~~~\nDone.",
        "Run it:\n```\nGo in.",
        "A table:\n| a | b |\n|---|---|\n| Go in. | c |\nDone.",
    ],
)
def test_code_and_tables_stay(text):
    assert edit(text, **{"Go in.": 3}) == text


@pytest.mark.parametrize("quoted", ['"You fool,"', "“You fool,”", "`rm fool,`", "http://a.b/c,"])
def test_what_is_quoted_goes_with_its_sentence_or_not_at_all(quoted):
    text = f"It rains. {quoted} he said."
    assert edit(text, **{quoted: 2}) == edit(text, **{quoted: 1}) == text
    assert edit(text, **{"he said.": 3}) == "It rains."


def test_a_bullet_goes_with_what_stands_behind_it_and_not_alone():
    text = "- One.\n- Two. Go in.\n- Three."
    assert edit(text, **{"One.": 3}) == "- Two. Go in.\n- Three."
    assert edit(text, **{"Two.": 3}) == "- One.\n- Go in.\n- Three."
    assert edit(text, **{"-": 3}) == text
