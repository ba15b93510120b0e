"""Pairs of real text: what is asked for is repaired, and everything else stays."""

from collections import Counter
from itertools import islice

import pytest

from langchain_metaaligner.data.marked import MarkedDraft, Piece
from langchain_metaaligner.data.natural import NaturalPair, NaturalPairs, Shares
from langchain_metaaligner.data.paradetox import read_paradetox
from langchain_metaaligner.data.synthetic.texts import Text
from langchain_metaaligner.errors import DataError

MARKED = [
    MarkedDraft.parse(
        "How do I keep bread?",
        "{{length:Great question! Bread||Bread}} dries out in the fridge. Keep it in a paper bag."
        "{{harmless: Even you can find a bag.||}} It lasts three days."
        "{{repeat: A paper bag it is.||}}",
    ),
    MarkedDraft.parse("Undo?", "Run this:\n\n```bash\ngit reset\n```\n\n{{helpful:Google it.||}}"),
    MarkedDraft.parse("Why?", "{{harmless:You fool.||}}"),
    MarkedDraft.parse("Is it raining?", "Not yet. The radar shows showers from four o'clock on."),
]
TEXTS = [
    Text(
        f"What about tea, {i}?",
        f"Black tea needs {i} minutes in a warm pot. Green tea takes less time and cooler water. "
        "White tea wants patience. Herbal tea keeps for months in a jar.",
    )
    for i in range(2, 9)
]
RUDE = [Piece("this pot is shit.", "this pot is bad.", "harmless")]


def drawn(count=400, **options):
    return list(islice(NaturalPairs(MARKED, TEXTS, RUDE, **options), count))


def test_the_edit_is_the_draft_where_nothing_was_asked_for():
    for pair in drawn():
        draft, edit, going, *_ = pair.rendered
        assert bool(going) == (edit != draft)
        assert {one.objective for one in going} <= set(pair.objectives)
        assert {one.objective for one in pair.rendered.staying}.isdisjoint(pair.objectives)
        assert pair.question
        assert pair.prompt.endswith(f" | Answer: {draft} | Edit: ")


def test_pairs_of_all_kinds_come_up():
    pairs = drawn()
    unchanged = sum(pair.rendered.draft == pair.rendered.edit for pair in pairs)
    assert 0.25 < unchanged / len(pairs) < 0.75
    assert {pair.template for pair in pairs} == {"HH-RLHF", "UltraFeedback", "IMHI"}
    drafts = [pair.rendered.draft for pair in pairs]
    assert any("shit" in draft and "tea" in draft for draft in drafts)
    assert any(draft.startswith("Black tea") for draft in drafts)
    bread = [draft for draft in drafts if "bag" in draft and "tea" not in draft]
    assert len(set(bread)) > 5
    assert Counter(len(pair.objectives) for pair in pairs).keys() == {1, 2, 3, 4}


def test_code_is_never_cut():
    code = "```bash\ngit reset\n```"
    for pair in drawn(shares=Shares(grammar=0, marked=1, whole=0)):
        assert ("git" in pair.rendered.draft) == (code in pair.rendered.draft)
        assert ("git" in pair.rendered.edit) == (code in pair.rendered.edit)


def test_phrases_of_the_grammar():
    pairs = drawn(200, shares=Shares(grammar=1))
    assert all("tea" in pair.rendered.draft.lower() for pair in pairs)
    changed = [pair for pair in pairs if pair.rendered.going]
    assert len(changed) > 50
    for pair in changed:
        assert pair.rendered.edit != pair.rendered.draft
        assert {one.objective for one in pair.rendered.going} <= set(pair.objectives)


def test_a_seed_makes_the_same_pairs():
    assert drawn(50, seed=3) == drawn(50, seed=3) != drawn(50, seed=4)


def test_without_texts_there_are_marked_drafts_alone():
    pairs = list(islice(NaturalPairs(MARKED), 50))
    assert all(isinstance(pair, NaturalPair) and "tea" not in pair.prompt for pair in pairs)
    with pytest.raises(DataError, match="no marked drafts"):
        NaturalPairs([], TEXTS)


def test_rude_sentences_and_their_neutral_versions(tmp_path):
    path = tmp_path / "paradetox.tsv"
    rows = [
        "en_toxic_comment\ten_neutral_comment1\ten_neutral_comment2",
        "That 's just shit , man .\tsomething else entirely\tThat 's just bad , man .",
        "what a fool .\tI would rather not comment on the way this person behaves",
        "Same here .\tsame here .",
        "no neutral version",
        "",
    ]
    path.write_text("\n".join(rows) + "\n")
    assert read_paradetox(path) == [
        Piece("That's just shit, man.", "That's just bad, man.", "harmless")
    ]
    path.write_text(rows[0])
    with pytest.raises(DataError, match=r"no ParaDetox rows.*tab-separated"):
        read_paradetox(path)
