"""The section of a report on a file of ``align-file``: what became of the drafts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import column_of, first_of, whole_rows
from langchain_metaaligner.evaluation.report.sections import Section, counted
from langchain_metaaligner.files.drafts import QUESTIONS
from langchain_metaaligner.tables.source import open_source

_WANTED = ("origin_responses", "aligned_responses", "decision", "reason")


@dataclass(frozen=True)
class EditedRow:
    """A row of a file of ``align-file``.

    Attributes:
        number: of the row, from 1 on.
        question: what was asked; empty where the file does not say.
        draft: the draft.
        answer: the final answer.
        decision: "edited", "unchanged" or "kept".
        reason: why a draft was kept; empty where it was not.
        source: the file's name.
    """

    number: int
    question: str
    draft: str
    answer: str
    decision: str
    reason: str
    source: str


def edited_rows(path: Path, escaped: bool = False) -> Iterator[EditedRow]:
    """The rows of a file of ``align-file``.

    Args:
        path: the file.
        escaped: whether it is a CSV file in the research's dialect.

    Raises:
        DataError: if it cannot be read, or is not of ``align-file``.
    """
    source = open_source(path, escaped=escaped)
    columns = [column_of(source, name) for name in _WANTED]
    absent = [name for name, column in zip(_WANTED, columns, strict=True) if column is None]
    if absent:
        raise DataError(
            f"{path} lacks the columns {', '.join(absent)}. It has: {', '.join(source.columns)}. "
            "Give a file as `metaaligner align-file` writes it, without --research-compat."
        )
    asked = first_of(source, QUESTIONS)
    rows = (row for row in whole_rows(source) if isinstance(row[str(columns[2])], str))
    for number, row in enumerate(rows, 1):
        draft, answer, decision, reason = (row[str(name)] for name in columns)
        yield EditedRow(
            number,
            str((row[asked] if asked else "") or ""),
            str(draft or ""),
            str(answer or ""),
            decision,
            str(reason or ""),
            path.name,
        )


def edit_section(path: Path, escaped: bool = False) -> Section:
    """What became of the drafts in a file of ``align-file``.

    Args:
        path: the file.
        escaped: whether it is a CSV file in the research's dialect.

    Raises:
        DataError: as `edited_rows`.
    """
    decisions: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    lengths: list[tuple[int, int]] = []
    for row in edited_rows(path, escaped):
        decisions[row.decision] += 1
        if row.decision == "kept":
            reasons[row.reason] += 1
        elif row.decision == "edited":
            lengths.append((len(row.draft), len(row.answer)))
    section = Section(f"What became of the drafts: {path.name}")
    section.headings = ("decision", "reason", "answers")
    section.words.append(
        f"Of {counted(decisions.total(), 'answer')} {decisions['edited']:,} "
        f"{_were(decisions['edited'])} edited, {decisions['unchanged']:,} came back unchanged, and "
        f"of {decisions['kept']:,} the draft was kept because there was no edit to accept."
    )
    section.rows = [[name, "", f"{decisions[name]:,}"] for name in ("edited", "unchanged")]
    section.rows += [["kept", reason, f"{n:,}"] for reason, n in reasons.most_common()]
    if lengths:
        before, after = (fmean(each) for each in zip(*lengths, strict=True))
        section.words.append(
            f"An edited answer has {after:.0f} characters on average, its draft had {before:.0f}."
        )
    return section


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
