"""Files of answers, as ``metaaligner align-file`` writes them, for the evaluations to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.files.drafts import ANSWERS, QUESTIONS
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import Row, Source, format_of, open_source
from langchain_metaaligner.tables.text import is_unicode

COLUMNS = ("query", "goldens", "origin_responses", "aligned_responses")
"""The texts of a row, by the names that the results call them."""

GOLDENS = ("goldens", "golden", "golden_response", "gpt-3.5-turbo")
"""The columns in which golden answers may be, the first one that is there."""

_OURS = "metaaligner_"  # before the name of a column that the input had already
_BESIDE = (".ledger.jsonl", ".problems.jsonl", "rows.jsonl", "result.json", "about.json")


@dataclass(frozen=True)
class Answers:
    """One row.

    Attributes:
        query: the question; empty where the file has none.
        golden: the golden answer; None where there is none.
        origin: the draft; None where there is none.
        aligned: the aligned answer; None where there is none.
        source: name of the file, where several were read.
    """

    query: str
    golden: str | None
    origin: str | None
    aligned: str | None
    source: str = ""

    def of(self, column: str) -> str | None:
        """The text of one of `COLUMNS`."""
        texts = (self.query, self.golden, self.origin, self.aligned)
        return dict(zip(COLUMNS, texts, strict=True))[column]


def read_answers(
    path: Path, limit: int | None = None, *, question: str | None = None, escaped: bool = False
) -> list[Answers]:
    """Read a file, or all files of a folder. Empty cells and what is no text count as absent.

    Args:
        path: a file of any format of `open_source`, or a folder of them.
        limit: how many rows of each file at most; None for all.
        question: the column of questions; by itself the first of `drafts.QUESTIONS` that is there.
        escaped: whether CSV files are in the research's dialect.

    Raises:
        DataError: if one cannot be read, or has no questions or no answers.
    """
    files = files_of(path)
    several = len(files) > 1
    return [
        answers
        for file in files
        for answers in islice(_answers(file, question, escaped, several), limit)
    ]


def files_of(path: Path) -> list[Path]:
    """The files of rows at a path: itself, or those of a folder, without ledgers and results.

    Raises:
        DataError: if there is none.
    """
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"There is no file {path}. Give a file as `align-file` writes it.")
        return [path]
    files = [
        file
        for file in sorted(path.iterdir())
        if file.is_file() and format_of(file) and not file.name.endswith(_BESIDE)
    ]
    if not files:
        raise DataError(f"{path} holds no file of answers. Give files as `align-file` writes them.")
    return files


def column_of(source: Source, name: str) -> str | None:
    """The column in which `align-file` wrote ``name``, under the name that was free there."""
    names = [name]
    while f"{_OURS}{names[-1]}" in source.columns:
        names.append(f"{_OURS}{names[-1]}")
    return names[-1] if names[-1] in source.columns else None


def question_column(source: Source, named: str | None = None) -> str:
    """The column of questions.

    Raises:
        DataError: if there is none.
    """
    column = named or first_of(source, QUESTIONS)
    if column is None or column not in source.columns:
        wanted = repr(named) if named else f"of questions, such as {', '.join(QUESTIONS)}"
        raise DataError(
            f"{source.name} has no column {wanted}.{nearest(named or 'question', source.columns)} "
            f"It has: {', '.join(source.columns) or 'none'}. Name it with --question-column."
        )
    return column


def first_of(source: Source, names: Sequence[str]) -> str | None:
    """The first of some columns that is there."""
    return next((name for name in names if name in source.columns), None)


def whole_rows(source: Source) -> Iterator[Row]:
    """The rows of a source, every one of which counts.

    Raises:
        DataError: at the first line that is no row, or no text of its encoding.
    """
    for number, row in enumerate(source.rows(Problems("raise")), 1):
        if not is_unicode(*(text for text in row.values() if isinstance(text, str))):
            raise DataError(
                f"Row {number} of {source.name} holds bytes that are no UTF-8. Save the file as "
                "UTF-8, or align it anew with --encoding."
            )
        yield row


def text_of(value: Any) -> str | None:
    """A cell's text; None where there is none."""
    return value if isinstance(value, str) and value.strip() else None


def _answers(path: Path, question: str | None, escaped: bool, several: bool) -> Iterator[Answers]:
    source = open_source(path, escaped=escaped)
    asked = question_column(source, question)
    golden = first_of(source, GOLDENS) or ""
    origin = column_of(source, "origin_responses") or first_of(source, ANSWERS) or ""
    aligned = column_of(source, "aligned_responses") or ""
    if not origin and not aligned:
        raise DataError(
            f"{source.name} has neither drafts nor edits. It has: {', '.join(source.columns)}. "
            "Give a file as `metaaligner align-file` writes it."
        )
    for row in whole_rows(source):
        yield Answers(
            text_of(row[asked]) or "",
            text_of(row.get(golden)),
            text_of(row.get(origin)),
            text_of(row.get(aligned)),
            path.name if several else "",
        )
