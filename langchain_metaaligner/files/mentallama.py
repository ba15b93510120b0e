"""Readers of the MentaLLaMA files: instructions and completions, for training, tests and experts.

Instruction files, the test files of both kinds and the experts' have ``query`` and
``gpt-3.5-turbo``. The training files of completions have ``post``, ``question`` and ``response``,
which become a query of the form that their test files have.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.text import open_text

INSTRUCTION = ("query", "gpt-3.5-turbo")
COMPLETION = ("post", "question", "response")
_MARK = "Question:"


class ImhiExample(NamedTuple):
    """A query on a post, and the golden answer."""

    query: str
    golden: str


def read_mentallama(path: Path, problems: Problems) -> Iterator[ImhiExample]:
    """Read one CSV file of either layout.

    Args:
        path: the file.
        problems: takes note of lines that are no rows.

    Raises:
        DataError: if it has the columns of neither.
    """
    with open_text(path, errors="surrogateescape") as file:
        completion = "post" in next(csv.reader(file), [])
    for _, row in csv_rows(path, COMPLETION if completion else INSTRUCTION, problems):
        if completion:
            yield ImhiExample(completion_query(row["post"], row["question"]), row["response"])
        else:
            yield ImhiExample(*(row[name] for name in INSTRUCTION))


def completion_query(post: str, question: str) -> str:
    """The query of a completion, as the test files have it: a sentence to be completed.

    >>> completion_query("I cannot sleep.", "This post shows the stress cause of ")
    'Post: I cannot sleep.  Question: This post shows the stress cause of '
    """
    asked = question.lstrip().removeprefix(_MARK).lstrip()
    return f"Post: {post}  {_MARK} {asked}"
