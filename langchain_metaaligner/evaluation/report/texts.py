"""Questions and changes, as the page shows them."""

from __future__ import annotations

import html
import re

from langchain_metaaligner.edit.diff import changes

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \n]?")
_MARKS = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}


def text_diff(before: str, after: str) -> str:
    """The change, by sentence and by word, as HTML for the page's own styles."""
    return "".join(_MARKS[kind].format(html.escape(text)) for kind, text in changes(before, after))


def last_turn(question: str) -> str:
    r"""What was asked last: of a dialogue in HH-RLHF's markup the last human turn.

    >>> last_turn("\n\nHuman: Hi.\n\nAssistant: Hello.\n\nHuman: Eggs? \n\nAssistant:")
    'Eggs?'
    >>> last_turn("Eggs?")
    'Eggs?'
    """
    parts = _TURN.split(question)  # what was before, then speaker and words by turns
    turns = [
        words.strip()
        for speaker, words in zip(parts[1::2], parts[2::2], strict=True)
        if speaker == "Human" and words.strip()
    ]
    return turns[-1] if turns else question.strip()


def shortened(text: str, length: int = 140) -> str:
    r"""The beginning of a text on one line, cut between words.

    >>> shortened("one two\nthree", 9)
    'one two …'
    """
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    head = line[:length]
    return f"{head[: head.rfind(' ')] if ' ' in head else head} …"
