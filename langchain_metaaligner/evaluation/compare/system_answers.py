"""What systems answered: their files, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.answers import (
    GOLDENS,
    column_of,
    first_of,
    question_column,
    text_of,
    whole_rows,
)
from langchain_metaaligner.tables.source import open_source

ANSWERS = ("aligned_responses", "generated_text", "response")
"""The columns in which an answer may be, the first one that is there."""
GOLDEN = "golden"
"""What the golden answers are called beside the systems."""


@dataclass(frozen=True)
class SystemAnswers:
    """What one system answered.

    Attributes:
        path: the file.
        queries: the questions.
        goldens: the golden answers.
        texts: the system's answers; an empty one is no answer.
    """

    path: Path
    queries: list[str]
    goldens: list[str]
    texts: list[str]


def check_systems(
    answers: Mapping[str, Path], objectives: Iterable[str], models: Mapping[str, Path]
) -> dict[str, SystemAnswers]:
    """Read all answers; what cannot be compared is found before any model is loaded.

    Raises:
        DataError: as `compare`.
        SettingError: as `compare`.
    """
    names = list(objectives)
    unknown = [name for name in models if name not in answers]
    if not answers or not names or unknown or GOLDEN in answers:
        raise SettingError(
            f"Systems: {', '.join(answers) or 'none'}; objectives: {', '.join(names) or 'none'}; "
            f"models of no system: {', '.join(unknown) or 'none'}. Give one file of answers for "
            f"each system at least, none of them called {GOLDEN!r}, one reward for each objective "
            "at least, and models by the names of their systems."
        )
    tables = {name: read_system(path) for name, path in answers.items()}
    first, *others = tables.values()
    for table in others:
        _check_same(first, table)
    return tables


def read_system(path: Path) -> SystemAnswers:
    """Read the answers of a system.

    Raises:
        DataError: if there is no such file, it lacks a column, or a golden answer is empty.
    """
    if not path.is_file():
        raise DataError(f"There is no {path}. Give a file with the answers of a system.")
    source = open_source(path)
    column = column_of(source, ANSWERS[0]) or first_of(source, ANSWERS)
    golden = first_of(source, GOLDENS)
    if column is None or golden is None:
        raise DataError(
            f"{path.name} has the columns {', '.join(source.columns)}. The answers are in one of: "
            f"{', '.join(ANSWERS)}; the golden ones in one of: {', '.join(GOLDENS)}."
        )
    asked = question_column(source)
    system = SystemAnswers(path, [], [], [])
    for number, row in enumerate(whole_rows(source), 1):
        if text_of(row[golden]) is None:
            raise DataError(
                f"{path.name}, row {number}: there is no golden answer to compare with. Fill it "
                "in, or take the row out of all files."
            )
        for texts, name in (
            (system.queries, asked), (system.goldens, golden), (system.texts, column),
        ):  # fmt: skip
            texts.append(row[name] if isinstance(row[name], str) else "")
    if not system.queries:
        raise DataError(f"{path.name} has no rows. Give the answers of a system.")
    return system


def _check_same(first: SystemAnswers, other: SystemAnswers) -> None:
    if len(first.queries) != len(other.queries):
        raise DataError(
            f"{first.path.name} has {len(first.queries):,} rows, {other.path.name} has "
            f"{len(other.queries):,}. Give the answers to the same queries, in the same order."
        )
    columns = (
        ("query", first.queries, other.queries),
        ("golden answer", first.goldens, other.goldens),
    )
    for what, ours, theirs in columns:
        pairs = enumerate(zip(ours, theirs, strict=True), 1)
        differs = next((number for number, (mine, its) in pairs if mine != its), None)
        if differs is not None:
            raise DataError(
                f"Row {differs} of {first.path.name} and of {other.path.name} has another {what}. "
                "Give the answers to the same queries, in the same order."
            )
