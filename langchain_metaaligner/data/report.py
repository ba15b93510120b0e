"""What a builder made of its input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.problems import Problems

SPLITS = ("train", "test")

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps what is made or written, and passes it on, to show how far things are."""


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


def check_split(split: str) -> None:
    """Refuse anything but ``train`` and ``test``.

    Raises:
        DataError: if it is neither.
    """
    if split not in SPLITS:
        raise DataError(
            f"Unknown split {split!r}.{nearest(str(split), SPLITS)} "
            f"Give one of: {', '.join(SPLITS)}."
        )
