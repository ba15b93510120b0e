"""What a builder made of its input."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.problems import Problems


@dataclass
class BuildReport:
    """What a builder made.

    Attributes:
        problems: what was wrong with the input.
        sizes: number of pairs, or of queries, in each file.
        aspects: how many contrastive pairs have 1, 2, … objectives.
        output: lines as the research script prints them, under ``research_compat``.
    """

    problems: Problems
    sizes: dict[str, int] = field(default_factory=dict)
    aspects: Counter[int] = field(default_factory=Counter)
    output: list[str] = field(default_factory=list)


def require_pairs(report: BuildReport, source: str) -> None:
    """Refuse a source of which nothing could be made.

    Raises:
        DataError: says what was wrong with it.
    """
    if any(report.sizes.values()):
        return
    problems = report.problems
    wrong = ", ".join(f"{kind} ({times:,})" for kind, times in problems.counts.items())
    if problems.all:
        first = problems.all[0]
        wrong += f"; the first is line {first.line} of {first.source}, {first.detail:.100}"
    raise DataError(
        f"Nothing could be made of {source}: {wrong or 'it holds no two answers to compare'}. "
        "Give a file with the fields that the documentation of the data sets names."
    )
