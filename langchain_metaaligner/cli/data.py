"""``metaaligner data``: training data from preferences, ratings or plain answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

if TYPE_CHECKING:  # the extra that they need is looked for when a command runs
    from langchain_metaaligner.data import BuildReport
    from langchain_metaaligner.data.problems import OnProblem

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
Validation = Annotated[
    int | None,
    typer.Option(help="Pairs set aside; else 15,000, and at most a tenth."),
]
WarmUp = Annotated[
    float, typer.Option(min=0, max=1, help="Share of the equal pairs for the warm-up.")
]


@data.command("hh-rlhf")
def hh_rlhf(
    source: Annotated[Path, typer.Option("--input", help="The scored CSV.")],
    output: Output,
    seed: Seed,
    split: Split = "train",
    research_compat: Compat = False,
    strict: Strict = False,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """HH-RLHF: pairs from the scored CSV."""
    from langchain_metaaligner.data import build_hh_rlhf, research

    if research_compat:
        show(research.build_hh_rlhf(source, output, seed=seed, split=split), output)
        return
    report = build_hh_rlhf(
        source,
        output,
        seed=seed,
        split=split,
        validation=validation,
        warm_up=warm_up,
        on_problem=policy(strict),
        progress=counted,
    )
    show(report, output)


@data.command("ultrafeedback")
def ultrafeedback(
    source: Annotated[Path, typer.Option("--input", help="Raw records, one a line.")],
    output: Output,
    seed: Seed,
    test: Annotated[Path | None, typer.Option(help="Raw records of the test part.")] = None,
    research_compat: Compat = False,
    strict: Strict = False,
    validation: Validation = None,
    warm_up: WarmUp = 0.1,
) -> None:
    """UltraFeedback: pairs from raw records."""
    from langchain_metaaligner.data import build_ultrafeedback, research

    if research_compat:
        show(research.build_ultrafeedback(source, output, seed=seed, test=test), output)
        return
    report = build_ultrafeedback(
        source,
        output,
        seed=seed,
        test=test,
        validation=validation,
        warm_up=warm_up,
        on_problem=policy(strict),
        progress=counted,
    )
    show(report, output)


@data.command("imhi")
def imhi(
    source: Annotated[Path, typer.Option("--input", help="Expert ratings, a query a line.")],
    output: Output,
    seed: Seed,
    split: Split = "train",
    strict: Strict = False,
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
        validation=validation,
        warm_up=warm_up,
        on_problem=policy(strict),
        progress=counted,
    )
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


@data.command("score")
def score(
    source: Annotated[Path, typer.Option("--input", help="HH-RLHF dialogues, a pair a line.")],
    output: Annotated[Path, typer.Option("--output", help="The scored CSV.")],
    harmless: Annotated[str, typer.Option(help="Reward model.")] = "",
    helpful: Annotated[str, typer.Option(help="Reward model.")] = "",
    humor: Annotated[str, typer.Option(help="Reward model.")] = "",
    device: Annotated[str | None, typer.Option(help="cuda, mps or cpu.")] = None,
    strict: Strict = False,
) -> None:
    """HH-RLHF: score dialogues by three reward models, by default those of the research."""
    from langchain_metaaligner.data.rewards import score_dialogues
    from langchain_metaaligner.models.rewards import PUBLISHED, SequenceReward

    given = {"harmless": harmless, "helpful": helpful, "humor": humor}
    rewards = {
        name: SequenceReward(given[name] or published, device=device)
        for name, published in PUBLISHED.items()
    }
    problems = score_dialogues(
        source,
        output,
        rewards,
        limits=[reward.limit for reward in rewards.values()],
        on_problem=policy(strict),
    )
    sys.stdout.write(f"{output}\n")
    for kind, count in problems.counts.items():
        sys.stderr.write(f"{count} x {kind}\n")


def policy(strict: bool) -> OnProblem:
    """What to do about a problem."""
    return "raise" if strict else "skip"


def counted(items: Iterable[T]) -> Iterator[T]:
    """Show how many items there were so far."""
    console = Console(stderr=True)
    return iter(track(items, description="Making pairs", console=console, transient=True))


def show(report: BuildReport, output: Path) -> None:
    """Print what was made, and what was wrong with the input."""
    from langchain_metaaligner.data.problems import LEFT_OUT

    if report.output:
        sys.stdout.write("\n".join(report.output) + "\n")
        return
    console = Console()
    made = Table("file", "pairs", title=str(output), title_justify="left")
    for name, size in report.sizes.items():
        made.add_row(name, f"{size:,}")
    console.print(made)
    if report.problems.all:
        wrong = Table("problem", "times", "first line", "left out", title="problems.jsonl")
        for kind, count in report.problems.counts.items():
            first = next(one for one in report.problems.all if one.kind == kind)
            wrong.add_row(kind, f"{count:,}", f"{first.line:,}", LEFT_OUT[first.kind])
        console.print(wrong)
