"""``metaaligner data``: training data from preferences, ratings or plain answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:  # the extra that they need is looked for when a command runs
    from langchain_metaaligner.data import BuildReport
    from langchain_metaaligner.data.baselines import Baseline
    from langchain_metaaligner.tables.problems import Duplicates, OnProblem, Problems

data = typer.Typer(name="data", help="Make training data for aligners.", no_args_is_help=True)
T = TypeVar("T")

Output = Annotated[Path, typer.Option("--output", help="Folder for the data set.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all shuffling.")]
Split = Annotated[str, typer.Option("--split", help="train or test.")]
Compat = Annotated[
    bool,
    typer.Option("--research-compat", help="What the research script writes, bugs included."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first problem; else skip and count.")
]
Repeated = Annotated[
    str | None,
    typer.Option(
        "--duplicates",
        help="A query that stood before: keep, skip or raise. Else keep; with --strict raise.",
    ),
]
Validation = Annotated[
    int | None,
    typer.Option(min=0, help="Contrastive pairs set aside; else 15,000, and at most a tenth."),
]
WarmUp = Annotated[
    float, typer.Option(min=0, max=1, help="Share of the equal pairs for the warm-up.")
]

For = Annotated[
    str, typer.Option("--for", help="What it trains: aligner, sft, cdpo or reward-model.")
]


@data.command("hh-rlhf")
def hh_rlhf(
    source: Annotated[Path, typer.Option("--input", help="The scored CSV.")],
    output: Output,
    seed: Seed,
    split: Split = "train",
    trains: For = "aligner",
    research_compat: Compat = False,
    strict: Strict = False,
    duplicates: Repeated = None,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """HH-RLHF: pairs from the scored CSV."""
    if trains != "aligner":
        problems = _problems(strict, duplicates, output)
        _baseline(
            trains, "HH-RLHF", source, output, seed, None, validation, research_compat, problems
        )
        return
    from langchain_metaaligner.data import build_hh_rlhf

    report = build_hh_rlhf(
        source,
        output,
        seed=seed,
        split=split,
        validation=validation,
        warm_up=warm_up,
        research_compat=research_compat,
        on_problem=policy(strict),
        duplicates=cast("Duplicates | None", duplicates),
        progress=counted,
    )
    show(report, output)


@data.command("ultrafeedback")
def ultrafeedback(
    source: Annotated[Path, typer.Option("--input", help="Raw records, one a line.")],
    output: Output,
    seed: Seed,
    test: Annotated[Path | None, typer.Option(help="Raw records of the test part.")] = None,
    trains: For = "aligner",
    research_compat: Compat = False,
    strict: Strict = False,
    duplicates: Repeated = None,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """UltraFeedback: pairs from raw records."""
    if trains != "aligner":
        problems = _problems(strict, duplicates, output)
        _baseline(
            trains, "UltraFeedback", source, output, seed, test, validation, research_compat,
            problems,
        )  # fmt: skip
        return
    from langchain_metaaligner.data import build_ultrafeedback

    report = build_ultrafeedback(
        source,
        output,
        seed=seed,
        test=test,
        validation=validation,
        warm_up=warm_up,
        research_compat=research_compat,
        on_problem=policy(strict),
        duplicates=cast("Duplicates | None", duplicates),
        progress=counted,
    )
    show(report, output)


def _problems(strict: bool, duplicates: str | None, output: Path) -> Problems:
    from langchain_metaaligner.tables.problems import Problems

    return Problems(
        policy(strict), cast("Duplicates | None", duplicates), output / "problems.jsonl"
    )


def _baseline(
    trains: str,
    dataset: str,
    source: Path,
    output: Path,
    seed: int,
    test: Path | None,
    validation: int | None,
    research_compat: bool,
    problems: Problems,
) -> None:
    from langchain_metaaligner.data.baselines import build_baseline

    report = build_baseline(
        cast("Baseline", trains),
        dataset,
        source,
        output,
        seed=seed,
        test=test,
        validation=validation,
        research_compat=research_compat,
        problems=problems,
    )
    show(report, output)


@data.command("imhi")
def imhi(
    source: Annotated[Path, typer.Option("--input", help="Expert ratings, .jsonl or .csv.")],
    output: Output,
    seed: Seed,
    split: Split = "train",
    test: Annotated[
        Path | None, typer.Option(help="A test file of the benchmark: query, gpt-3.5-turbo.")
    ] = None,
    strict: Strict = False,
    duplicates: Repeated = None,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """IMHI: pairs from expert ratings."""
    from langchain_metaaligner.data import build_imhi

    report = build_imhi(
        source,
        output,
        seed=seed,
        split=split,
        test=test,
        validation=validation,
        warm_up=warm_up,
        on_problem=policy(strict),
        duplicates=cast("Duplicates | None", duplicates),
        progress=counted,
    )
    show(report, output)


@data.command("released")
def released(
    source: Annotated[Path, typer.Option("--input", help="Conversations, .json or .jsonl.")],
    output: Output,
    part: Annotated[str, typer.Option(help="Which part this is.")] = "no_equal/train",
    strict: Strict = False,
) -> None:
    """Released conversations, such as HH-RLHF-MetaAligner-Data, taken over as they are."""
    from langchain_metaaligner.data import build_released

    report = build_released(source, output, part=part, on_problem=policy(strict), progress=counted)
    show(report, output)


@data.command("synthetic")
def synthetic(
    texts: Annotated[Path, typer.Option("--texts", help="Folder of public data sets.")],
    output: Output,
    seed: Seed,
    number: Annotated[int, typer.Option(min=1, help="Training pairs.")] = 100_000,
    validation: Annotated[int, typer.Option(min=0, help="Validation pairs.")] = 1_000,
) -> None:
    """Pairs made by degrading real answers, as for the bundled aligner."""
    from langchain_metaaligner.data.synthetic import build_synthetic

    report = build_synthetic(
        texts, output, seed=seed, number=number, validation=validation, progress=counted
    )
    show(report, output)


def policy(strict: bool) -> OnProblem:
    """What to do about a problem."""
    return "raise" if strict else "skip"


def counted(items: Iterable[T]) -> Iterator[T]:
    """Show in a terminal how many items there were so far, and for how long."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("Pairs: {task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown as progress:
        yield from progress.track(items)


def show(report: BuildReport, output: Path) -> None:
    """Print what was made, and what was wrong with the input."""
    if report.output:  # what the research script prints stands alone on standard output
        sys.stdout.write("\n".join(report.output) + "\n")
        show_problems(report.problems, Console(stderr=True))
        return
    console = Console()
    made = Table("file", "pairs", title=str(output), title_justify="left")
    for name, size in report.sizes.items():
        made.add_row(name, f"{size:,}")
    console.print(made)
    if report.aspects:
        counts = ", ".join(f"{n}: {times:,}" for n, times in sorted(report.aspects.items()))
        console.print(f"Contrastive pairs by number of objectives: {counts}", highlight=False)
    show_problems(report.problems, console)


def show_problems(problems: Problems, console: Console) -> None:
    """Print how often each kind of problem occurred, and where it did first."""
    from langchain_metaaligner.tables.problems import LEFT_OUT

    if not problems.counts:
        return
    wrong = Table("problem", "times", "first", "left out", title=str(problems.log))
    for kind, count in problems.counts.items():
        first = next((one for one in problems.all if one.kind == kind), None)
        place = f"{first.source}:{first.line}" if first else "in the log"
        wrong.add_row(kind, f"{count:,}", place, LEFT_OUT[kind])
    console.print(wrong)
