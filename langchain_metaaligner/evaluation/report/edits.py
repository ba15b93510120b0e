"""The section of a report on a file of ``align-file``: what became of the drafts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import fmean

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import column_of, first_of, whole_rows
from langchain_metaaligner.evaluation.report.sections import EXAMPLES, Section, counted, text_diff
from langchain_metaaligner.files.drafts import QUESTIONS
from langchain_metaaligner.tables.source import open_source

_WANTED = ("origin_responses", "aligned_responses", "decision", "reason")


def edit_section(path: Path, escaped: bool = False) -> Section:
    """What became of the drafts in a file of ``align-file``.

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
    decisions: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    lengths: list[tuple[int, int]] = []
    section = Section(
        f"What became of the drafts: {path.name}", headings=("decision", "reason", "answers")
    )
    for row in whole_rows(source):
        origin, aligned, decision, reason = (row[str(name)] for name in columns)
        if not isinstance(decision, str):
            continue
        decisions[decision] += 1
        if decision == "kept":
            reasons[str(reason)] += 1
        elif decision == "edited":
            lengths.append((len(str(origin)), len(str(aligned))))
            if len(lengths) <= EXAMPLES:
                query = str(row[asked]) if asked else ""
                heading = f"Row {sum(decisions.values())}. {query[-160:]}"
                section.examples.append((heading, text_diff(str(origin), str(aligned))))
    section.words.append(
        f"Of {counted(sum(decisions.values()), 'answer')} {decisions['edited']:,} were edited, "
        f"{decisions['unchanged']:,} came back unchanged, and of {decisions['kept']:,} the draft "
        "was kept because there was no edit to accept."
    )
    section.rows = [[name, "", f"{decisions[name]:,}"] for name in ("edited", "unchanged")]
    section.rows += [["kept", reason, f"{n:,}"] for reason, n in reasons.most_common()]
    if lengths:
        before, after = (fmean(each) for each in zip(*lengths, strict=True))
        section.words.append(
            f"An edited answer has {after:.0f} characters on average, its draft had {before:.0f}."
        )
    return section
