"""The rows of a file, answered by every aligner that is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeGuard

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.playground.aligners import towards
from langchain_metaaligner.playground.ballot import Answered
from langchain_metaaligner.runnable import MetaAlignerRunnable
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import Row
from langchain_metaaligner.tables.text import is_unicode

DRAFT = "the draft"
"""What the drafts are called among the systems."""

_TOGETHER = 8  # rows in one call of a model, between two signs of progress

Progress = Callable[[float, str], object]


def read_drafts(path: Path, limit: int) -> list[tuple[int, str, str]]:
    """The first rows of a file that hold a question and a draft, each with its number.

    Raises:
        DataError: if the file cannot be read, or has no such columns or no such row.
    """
    table = open_table(str(path))
    rows = list(islice(_fit_rows(table.rows(Problems()), table.asked, table.answer), limit))
    if not rows:
        raise DataError(
            f"{path.name} holds no row with a question and an answer: one of them is blank in "
            "each. Give a file of questions and drafts."
        )
    return rows


def answer_rows(
    path: Path,
    limit: int,
    aligners: dict[str, MetaAlignerRunnable],
    objectives: Sequence[Objective],
    with_draft: bool,
    progress: Progress = lambda share, text: None,
) -> list[Answered]:
    """Answer the first rows of a file by every aligner.

    Args:
        path: the file.
        limit: how many rows at most.
        aligners: the aligners, by the names that they are shown under at the end.
        objectives: what all of them improve.
        with_draft: whether the drafts are a system too, named `DRAFT`.
        progress: called with the share that is done and a word on it.

    Raises:
        DataError: as `read_drafts`.
        MetaAlignerError: as the aligners.
    """
    rows = read_drafts(path, limit)
    answers: list[dict[str, str]] = [{} for _ in rows]
    done, total = 0, len(rows) * len(aligners)
    for name, aligner in aligners.items():
        for start in range(0, len(rows), _TOGETHER):
            progress(done / total, f"{name}: row {start + 1} of {len(rows)}")
            some = rows[start : start + _TOGETHER]
            records = aligner.align_batch(
                [(question, draft) for _, question, draft in some], towards(objectives)
            )
            for place, record in enumerate(records, start):
                answers[place][name] = record.text
            done += len(some)
    if with_draft:
        for its_answers, (_, _, draft) in zip(answers, rows, strict=True):
            its_answers[DRAFT] = draft
    return [
        Answered(number, question, its_answers)
        for (number, question, _), its_answers in zip(rows, answers, strict=True)
    ]


def _fit_rows(rows: Iterable[Row], question: str, draft: str) -> Iterator[tuple[int, str, str]]:
    for number, row in enumerate(rows, 1):
        asked, answered = row.get(question), row.get(draft)
        if _is_text(asked) and _is_text(answered):
            yield number, asked, answered


def _is_text(cell: object) -> TypeGuard[str]:
    return isinstance(cell, str) and bool(cell.strip()) and is_unicode(cell)
