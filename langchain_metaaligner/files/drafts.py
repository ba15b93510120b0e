"""Tables of drafts: a source of rows in which the question and the answer are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import Row, Source, open_source

QUESTIONS = ("query", "question", "prompt", "input", "instruction")
ANSWERS = ("generated_text", "origin_responses", "answer", "response", "output", "draft")
JOINED = "query"
"""The column of a file of questions, and the key of a joined question in a row."""
GOLDEN = "gpt-3.5-turbo"
"""The column of golden answers in MentaLLaMA's test sets."""


@dataclass(frozen=True)
class Table:
    """Rows of questions and draft answers.

    Attributes:
        source: where the rows come from.
        question: the column of questions; None where `questions` has them.
        answer: the column of draft answers.
        questions: a file with a ``query`` for each row of the source, joined by place, as
            MentaLLaMA's test sets are with the released outputs on IMHI.
    """

    source: Source
    question: str | None
    answer: str
    questions: Source | None = None

    def rows(self, problems: Problems) -> Iterator[Row]:
        """The rows, each with its question under `asked`.

        Raises:
            DataError: if the joined file has fewer rows, or answers to something else.
        """
        rows = self.source.rows(problems)
        return rows if self.questions is None else _joined(rows, self.questions, self.source)

    @property
    def asked(self) -> str:
        """The key of the question in a row."""
        return self.question or JOINED

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of a row."""
        added = () if self.asked in self.source.columns else (self.asked,)
        return (*added, *self.source.columns)

    @property
    def count(self) -> int | None:
        """How many rows there are; None where that is known only at the end."""
        return self.source.count

    @property
    def inputs(self) -> list[Path]:
        """The files that are read."""
        return [self.source.path, *([self.questions.path] if self.questions else [])]


def open_table(
    source: str | Source,
    question: str | None = None,
    answer: str | None = None,
    questions: Path | None = None,
) -> Table:
    """Find the columns of questions and answers.

    Args:
        source: what `open_source` gives or takes: a file, or ``NAME[:SPLIT]`` on the Hub.
        question: the column of questions; by itself the first of `QUESTIONS` that is there.
        answer: the column of draft answers; by itself the first of `ANSWERS` that is there.
        questions: a file whose ``query`` column is joined by row.

    Raises:
        DataError: if there is no such source, or no such column, or there are two of that name; the
            message names those seen.
    """
    opened = source if isinstance(source, Source) else open_source(source)
    asked = None if questions else _column("question", question, QUESTIONS, opened)
    drafts = _column("answer", answer, ANSWERS, opened)
    joined = None
    if questions is not None:
        joined = open_source(questions, escaped=opened.escaped, encoding=opened.encoding)
        if JOINED not in joined.columns:
            raise DataError(
                f"{questions} lacks the column {JOINED}.{nearest(JOINED, joined.columns)} It has: "
                f"{', '.join(joined.columns) or 'nothing'}."
            )
    return Table(opened, asked, drafts, joined)


def _column(kind: str, named: str | None, usual: Sequence[str], source: Source) -> str:
    column = named or next((name for name in usual if name in source.columns), None)
    if column is None or column not in source.columns:
        wanted = repr(named) if named else f"for the {kind}, such as {', '.join(usual)}"
        raise DataError(
            f"{source.name} has no column {wanted}.{nearest(named or kind, source.columns)} "
            f"It has: {', '.join(source.columns) or 'none'}. Name the column with --{kind}-column"
            + (", or join a file with --questions." if kind == "question" else ".")
        )
    if source.headings.count(column) > 1:
        raise DataError(
            f"{source.name} has {source.headings.count(column)} columns {column!r}, and it cannot "
            f"be told which holds the {kind}. Rename all but one, or name another with "
            f"--{kind}-column."
        )
    return column


def _joined(rows: Iterator[Row], questions: Source, source: Source) -> Iterator[Row]:
    asked = questions.rows(Problems("raise"))
    for number, (row, question) in enumerate(zip_longest(rows, asked), 1):
        if row is None:  # the released outputs are at times a part of a test set
            return
        if question is None:
            raise DataError(
                f"{source.name} has more rows than {questions.name}: row {number} has no question. "
                "Give the test set that the answers were made for."
            )
        if "goldens" in row and GOLDEN in question and row["goldens"] != question[GOLDEN]:
            raise DataError(
                f"Row {number} of {source.name} has another golden answer than that of "
                f"{questions.name}: they do not belong together. Give the test set that the "
                "answers were made for."
            )
        yield {JOINED: question[JOINED], **row}
