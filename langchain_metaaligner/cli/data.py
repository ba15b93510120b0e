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
from rich.text import Text

from langchain_metaaligner.errors import DataError

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
    source: Annotated[
        Path, typer.Option("--input", help="The scored CSV, or the folder of train.csv, test.csv.")
    ],
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
    """HH-RLHF: pairs from the scored CSV, which `data score` makes."""
    from langchain_metaaligner.data import BuildOptions, build_hh_rlhf
    from langchain_metaaligner.data.baselines import build_baseline

    options = BuildOptions(
        seed, split, validation, warm_up, research_compat, policy(strict), repeated(duplicates),
        counted,
    )  # fmt: skip
    scored = _scored(source, split)
    if trains == "aligner":
        report = build_hh_rlhf(scored, output, options)
    else:
        report = build_baseline(cast("Baseline", trains), "HH-RLHF", scored, output, options)
    show(report, str(source), output)


@data.command("ultrafeedback")
def ultrafeedback(
    source: Annotated[
        str,
        typer.Option("--input", help="Raw records: a file, a folder, or openbmb/UltraFeedback."),
    ],
    output: Output,
    seed: Seed,
    test: Annotated[
        str | None,
        typer.Option(help="Raw records of the test part; of a folder or a name --test-size."),
    ] = None,
    test_size: Annotated[
        int, typer.Option(min=0, help="Records at the end that are the test part.")
    ] = 15_000,
    trains: For = "aligner",
    research_compat: Compat = False,
    strict: Strict = False,
    duplicates: Repeated = None,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """UltraFeedback: pairs from raw records."""
    from langchain_metaaligner.data import BuildOptions, build_ultrafeedback
    from langchain_metaaligner.data.baselines import build_baseline
    from langchain_metaaligner.data.records import records_of

    options = BuildOptions(
        seed, "train", validation, warm_up, research_compat, policy(strict), repeated(duplicates),
        counted,
    )  # fmt: skip
    training = records_of(source)
    tested = None if test is None else records_of(test)
    if tested is None and test_size and not Path(source).is_file():
        training, tested = training.divided(test_size)
    if trains == "aligner":
        report = build_ultrafeedback(training, output, options, test=tested)
    else:
        report = build_baseline(
            cast("Baseline", trains), "UltraFeedback", training, output, options, test=tested
        )
    show(report, source, output)


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
    from langchain_metaaligner.data import BuildOptions, build_imhi

    options = BuildOptions(
        seed, split, validation, warm_up, False, policy(strict), repeated(duplicates), counted
    )
    show(build_imhi(source, output, options, test=test), str(source), output)


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
    show(report, str(source), output)


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
    show(report, str(texts), output)


def _scored(source: Path, split: str) -> Path:
    """The scored CSV: the file itself, or that of the split in a folder of both."""
    path = source / f"{split}.csv" if source.is_dir() else source
    if not path.is_file():
        name = source.as_posix()
        raw = name if name.count("/") == 1 and not source.suffix else "Anthropic/hh-rlhf"
        raise DataError(
            f"There is no file {path}. Give the scored CSV; where there is none, make it first: "
            f"metaaligner data score --input {raw} --split {split} --output {split}.csv"
        )
    return path


def repeated(duplicates: str | None) -> Duplicates | None:
    """What to do about a query that stood before; the builder refuses what is unknown."""
    return cast("Duplicates | None", duplicates)


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


def show(report: BuildReport, source: str, output: Path) -> None:
    """Print what was made, and what was wrong with the input.

    Raises:
        DataError: if nothing was made.
    """
    from langchain_metaaligner.data.report import require_pairs

    if report.output:  # what the research script prints stands alone on standard output
        sys.stdout.write("\n".join(report.output) + "\n")
        show_problems(report.problems, Console(stderr=True))
    else:
        console = Console()
        made = Table("file", "pairs", title=Text(str(output)), title_justify="left")
        for name, size in report.sizes.items():
            made.add_row(name, f"{size:,}")
        console.print(made)
        if report.aspects:
            counts = ", ".join(f"{n}: {times:,}" for n, times in sorted(report.aspects.items()))
            console.print(f"Contrastive pairs by number of objectives: {counts}", highlight=False)
        show_problems(report.problems, console)
    require_pairs(report, source)


def show_problems(problems: Problems, console: Console) -> None:
    """Print how often each kind of problem occurred, and where it did first."""
    from langchain_metaaligner.tables.problems import LEFT_OUT

    if not problems.counts:
        return
    wrong = Table("problem", "times", "first", "left out", title=Text(str(problems.log)))
    for kind, count in problems.counts.items():
        first = next((problem for problem in problems.all if problem.kind == kind), None)
        place = Text(f"{first.source}:{first.line}" if first else "in the log")
        wrong.add_row(kind, f"{count:,}", place, LEFT_OUT[kind])
    console.print(wrong)
