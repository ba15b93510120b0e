"""What the commands of ``metaaligner data`` share: options, progress, and what is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.cli.options import one_of
from langchain_metaaligner.cli.terminal import console

if TYPE_CHECKING:  # the extra that they need is looked for when a command runs
    from langchain_metaaligner.data import BuildOptions, BuildReport
    from langchain_metaaligner.tables.problems import Duplicates, OnProblem, Problems

T = TypeVar("T")

Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the data set.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all shuffling.")]
Split = Annotated[
    str,
    typer.Option(
        "--split", metavar="NAME", help="train or test.", autocompletion=one_of("train", "test")
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first problem; else skip and count.")
]
For = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="METHOD",
        help="What it trains: aligner, sft, cdpo or reward-model.",
        autocompletion=one_of("aligner", "sft", "cdpo", "reward-model"),
    ),
]
UltraFeedbackRecords = Annotated[
    str,
    typer.Option(
        "--input",
        metavar="INPUT",
        help="Raw records: a file, a folder, or openbmb/UltraFeedback.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """How pairs are made, whatever they are made from."""

    strict: Strict = False
    duplicates: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="A query that stood before: keep, skip or raise. Else keep; with --strict raise.",
            autocompletion=one_of("keep", "skip", "raise"),
        ),
    ] = None
    validation: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Contrastive pairs set aside; else 15,000, and at most a tenth.",
        ),
    ] = None
    warm_up: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="Share of the equal pairs for the warm-up."
        ),
    ] = 0.1

    def build_options(self, seed: int, split: str, research_compat: bool = False) -> BuildOptions:
        """The same for the builders, with progress in a terminal."""
        from langchain_metaaligner.data import BuildOptions

        return BuildOptions(
            seed,
            split,
            self.validation,
            self.warm_up,
            research_compat,
            policy(self.strict),
            cast("Duplicates | None", self.duplicates),  # the builder refuses what is unknown
            counted,
        )


def policy(strict: bool) -> OnProblem:
    """What to do about a problem."""
    return "raise" if strict else "skip"


def counted(items: Iterable[T]) -> Iterator[T]:
    """Show in a terminal how many items there were so far, and for how long."""
    shown_in = console()
    columns = (
        SpinnerColumn(),
        TextColumn("Pairs: {task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    shown = Progress(*columns, console=shown_in, transient=True, disable=not shown_in.is_terminal)
    with shown as progress:
        yield from progress.track(items)


def show(report: BuildReport, source: str, output: Path) -> None:
    """Print what was made, and what was wrong with the input.

    Raises:
        DataError: if nothing was made.
    """
    from langchain_metaaligner.data.report import require_pairs

    if report.output:  # what the research script prints stands alone on standard output
        sys.stdout.write("\n".join(report.output) + "\n")
        show_problems(report.problems, console())
    else:
        shown = Console()
        made = Table("file", "pairs", title=Text(str(output)), title_justify="left")
        for name, size in report.sizes.items():
            made.add_row(name, f"{size:,}")
        shown.print(made)
        if report.aspects:
            counts = ", ".join(f"{n}: {times:,}" for n, times in sorted(report.aspects.items()))
            shown.print(f"Contrastive pairs by number of objectives: {counts}", highlight=False)
        show_problems(report.problems, shown)
    require_pairs(report, source)


def show_problems(problems: Problems, shown: Console) -> None:
    """Print how often each kind of problem occurred, and where it did first."""
    from langchain_metaaligner.tables.problems import LEFT_OUT

    if not problems.counts:
        return
    wrong = Table("problem", "times", "first", "left out", title=Text(str(problems.log)))
    for kind, count in problems.counts.items():
        first = next((problem for problem in problems.all if problem.kind == kind), None)
        place = Text(f"{first.source}:{first.line}" if first else "in the log")
        wrong.add_row(kind, f"{count:,}", place, LEFT_OUT[kind])
    shown.print(wrong)
