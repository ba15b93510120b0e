"""How a data set is built, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.problems import Duplicates, OnProblem, Problems

SPLITS = ("train", "test")

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps what is made or written, and passes it on, to show how far things are."""


@dataclass(frozen=True)
class BuildOptions:
    """How a data set is built. A builder takes one, or its fields as keywords.

    Attributes:
        seed: of all shuffling.
        split: ``"train"`` or ``"test"``.
        validation: contrastive pairs to set aside; by itself 15,000, and at most a tenth.
        warm_up: share of the equal pairs that also serve as identical pairs (section 3.2.2).
        research_compat: write what the research's script writes, byte for byte, after
            ``random.seed(seed)``; its bugs too. There is no warm-up then, and 15,000 pairs are set
            aside unless ``validation`` says otherwise.
        on_problem: ``"skip"`` or ``"raise"``; see `Problems`.
        duplicates: ``"keep"``, ``"skip"`` or ``"raise"``; see `Problems`.
        progress: wraps the pairs as they are made, and again as they are written.

    Raises:
        DataError: on a value that cannot work.
    """

    seed: int
    split: str = "train"
    validation: int | None = None
    warm_up: float = 0.1
    research_compat: bool = False
    on_problem: OnProblem = "skip"
    duplicates: Duplicates | None = None
    progress: Progress = iter

    def __post_init__(self) -> None:
        check_split(self.split)
        if not 0 <= self.warm_up <= 1:
            raise DataError(f"warm_up={self.warm_up} is no share. Give a number from 0 to 1.")

    @staticmethod
    def of(options: BuildOptions | None, settings: Mapping[str, Any]) -> BuildOptions:
        """Options with some of their fields set anew.

        >>> BuildOptions.of(BuildOptions(seed=1), {"split": "test"}).split
        'test'
        """
        return replace(options, **settings) if options else BuildOptions(**settings)

    def problems(self, output: Path, sources: Iterable[str]) -> Problems:
        """Where the problems of some files are counted; all go into the output's log."""
        problems = Problems(self.on_problem, self.duplicates, output / "problems.jsonl")
        problems.open_log(sources)
        return problems


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
