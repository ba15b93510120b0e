"""What the tabs show for what somebody fills in."""

import csv

import pytest

pytest.importorskip("gradio", reason="needs pip install 'langchain-metaaligner[playground]'")

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.playground import chat_tab
from langchain_metaaligner.playground.aligners import Aligners
from langchain_metaaligner.playground.chat_tab import chat_pages, stop_chat
from langchain_metaaligner.playground.chatting import Turn
from langchain_metaaligner.playground.compare_tab import blind_ballot
from langchain_metaaligner.playground.edit_tab import EXAMPLES, edit_pages
from langchain_metaaligner.playground.options import DEFAULT_MODEL, PlaygroundOptions

QUESTION = "How do I clean a burnt pan?"
RUDE = "What a stupid question. Soak the pan overnight and rinse it in the morning."


@pytest.fixture(scope="module")
def aligners():
    return Aligners(device="cpu")


def pages(aligners, question=QUESTION, draft=RUDE, named=("harmless",), own="", line="mini"):
    return list(edit_pages(aligners, "auto", question, draft, list(named), own, line, []))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_example_is_edited_by_the_aligner_of_the_package(aligners, example):
    shown = pages(aligners, example.question, example.draft, example.objectives, line=DEFAULT_MODEL)
    page, final = shown[-1]
    assert "<strong>Edited</strong>" in page
    assert final != example.draft


def test_an_edit_is_shown_as_it_is_written(aligners):
    first, *_, last = pages(aligners)
    assert "Editing …" in first[0]
    assert "<del>" in last[0]
    assert last[1] == "Soak the pan overnight and rinse it in the morning."
    assert "MetaAlignerRunnable(objectives=[&#39;harmless&#39;]" in last[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"draft": "  "}, "Write a question and a draft answer"),
        ({"named": ()}, "Tick an objective"),
        ({"own": "shiny"}, "Unknown objective"),
        ({"line": "./nowhere"}, "is not a folder"),
        ({"line": "mini speed=9"}, "Options are: caution=VALUE"),
    ],
)
def test_a_mistake_is_told_and_the_draft_stays(aligners, fields, words):
    page, final = pages(aligners, **fields)[-1]
    assert 'role="alert"' in page
    assert words in page.replace("&#39;", "'")
    assert final == fields.get("draft", RUDE)


def conversation(aligners, text, before=(), name="openai:x"):
    options = PlaygroundOptions()
    return list(chat_pages(aligners, options, text, [*before], name, "mini", ["harmless"], ""))


def test_a_chat_without_a_model_or_a_message(aligners):
    ((page, turns, text),) = conversation(aligners, "Hello?", name=" ")
    assert "Name a chat model first" in page
    assert (turns, text) == ([], "Hello?")
    ((page, turns, _),) = conversation(aligners, " ", [Turn("One?", "A.")])
    assert "One?" in page
    assert len(turns) == 1


def test_a_chat_model_that_cannot_be_made(aligners):
    ((page, turns, text),) = conversation(aligners, "Hello?", name="nosuch:model")
    assert "cannot be made" in page
    assert (turns, text) == ([], "Hello?")


def test_a_chat_that_is_stopped_waits_for_nothing():
    page, turns = stop_chat([Turn("One?", "A.", error="x"), Turn("Two?", "B")])
    assert [turn.error for turn in turns] == ["x", "Stopped before there was an edit."]
    assert "Waiting" not in page
    assert stop_chat([])[0].count(chat_tab.WELCOME[:20]) == 1


@pytest.fixture
def drafts(tmp_path):
    path = tmp_path / "drafts.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), (QUESTION, RUDE), ("Why?", "So.")])
    return str(path)


def ballot_of(aligners, path, lines, with_draft=True):
    shares = []
    ballot = blind_ballot(
        aligners,
        path,
        20,
        lines,
        with_draft,
        ["harmless"],
        "",
        lambda *progress: shares.append(progress),
    )
    assert shares
    return ballot


def test_a_file_becomes_a_ballot(aligners, drafts):
    ballot = ballot_of(aligners, drafts, "mini\n\nmini\n")
    assert ballot.systems == ("mini", "the draft")
    (pair,) = ballot.pairs
    assert sorted(pair.texts) == sorted([RUDE, RUDE.partition(". ")[2]])
    assert ballot.same == {("mini", "the draft"): 1}


@pytest.mark.parametrize(
    ("path", "lines", "with_draft", "words"),
    [
        (None, "mini", True, "Choose a file first"),
        ("drafts.csv", "mini", False, "Name two aligners"),
        ("drafts.csv", '"the draft"', True, "not a folder"),
    ],
)
def test_a_ballot_that_cannot_be_made(aligners, path, lines, with_draft, words):
    with pytest.raises((SettingError, OSError), match=words):
        blind_ballot(
            aligners, path, 20, lines, with_draft, ["harmless"], "", lambda *progress: None
        )
