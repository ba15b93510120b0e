"""``metaaligner evaluate judge`` and ``rate``: what a judge thinks of edits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from langchain_metaaligner.cli.options import key_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_metaaligner.evaluation.judge.ask import Estimate

Input = Annotated[
    Path, typer.Argument(metavar="INPUT", help="A file as `metaaligner align-file` writes it.")
]
Judge = Annotated[
    str, typer.Option("--judge", help="A chat model by its init_chat_model name: openai:gpt-4o.")
]
Output = Annotated[Path, typer.Option("--output", help="Folder for the result and its ledger.")]
Objectives = Annotated[
    list[str], typer.Option("--objective", "-o", help='A name, or "Name: text". Repeatable.')
]
Dataset = Annotated[
    str, typer.Option("--dataset", help="Whose prompts: HH-RLHF, UltraFeedback or IMHI.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--judge-option", help="KEY=VALUE for the model, such as base_url. Repeatable."),
]
Structured = Annotated[
    bool | None,
    typer.Option(
        "--structured/--plain", help="Structured output or text; by itself what the model has."
    ),
]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls at the same time.")]
Tries = Annotated[int, typer.Option(min=1, help="How often one call is made, at most.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Rows that are judged, from the first on.")]
Prices = Annotated[
    float | None, typer.Option(help="Price of a million tokens of prompt, for the estimate.")
]
Compat = Annotated[
    bool, typer.Option("--research-compat", help="As the research script, bugs included.")
]
ESTIMATE = Annotated[
    bool, typer.Option("--estimate", help="Say what it would cost, and ask nothing.")
]


def judge(
    source: Input,
    judge: Judge,
    output: Output,
    objective: Objectives,
    dataset: Dataset = "UltraFeedback",
    judge_option: Options = None,
    structured: Structured = None,
    one_order: Annotated[
        bool, typer.Option("--one-order", help="Ask each pair once, at a random position.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the positions.")] = 0,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    price: Prices = None,
    only_estimate: ESTIMATE = False,
    research_compat: Compat = False,
) -> None:
    """Win rates of aligned, original and golden answers; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.judge.ask import Judge as Asked
    from langchain_metaaligner.evaluation.judge.ask import chat_model
    from langchain_metaaligner.evaluation.judge.win_rates import judge_answers

    answers = read_answers(source, limit)
    model = chat_model(judge, **key_values("--judge-option", judge_option))
    asked = Asked(model, judge, concurrency, tries, structured)
    with _calls(price, only_estimate) as (before, progress):
        result = judge_answers(
            answers,
            objective,
            asked,
            output,
            dataset=dataset,
            both_orders=not one_order,
            seed=seed,
            research_compat=research_compat,
            before=before,
            progress=progress,
        )
    if research_compat:
        from langchain_metaaligner.evaluation.judge.research_files import write_predictions

        for line in write_predictions(result, source.stem):
            Console().print(line, soft_wrap=True, highlight=False)
    table = Table("comparison", "objective", "win rate", "wins", "ties", "losses", "unusable")
    for name, by in result.figures["comparisons"].items():
        for one, tally in by.items():
            rate, (low, high) = tally["win_rate"], tally["interval"]
            shown = "none" if rate is None else f"{rate:.1%} ({low:.0%} to {high:.0%})"
            unusable = tally["invalid"] + tally["errors"] + tally["absent"]
            counts = (tally["wins"], tally["ties"], tally["losses"], unusable)
            table.add_row(name, one, shown, *map(str, counts))
    _told(table, result.figures["calls"], output)


def rate(
    source: Input,
    judge: Judge,
    output: Output,
    objective: Objectives,
    dataset: Dataset = "UltraFeedback",
    judge_option: Options = None,
    structured: Structured = None,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    price: Prices = None,
    only_estimate: ESTIMATE = False,
    research_compat: Compat = False,
) -> None:
    """Ratings from 0 to 10 before and after; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.judge.ask import Judge as Asked
    from langchain_metaaligner.evaluation.judge.ask import chat_model
    from langchain_metaaligner.evaluation.judge.ratings import rate_answers

    answers = read_answers(source, limit)
    model = chat_model(judge, **key_values("--judge-option", judge_option))
    asked = Asked(model, judge, concurrency, tries, structured)
    with _calls(price, only_estimate) as (before, progress):
        result = rate_answers(
            answers,
            objective,
            asked,
            output,
            dataset=dataset,
            research_compat=research_compat,
            before=before,
            progress=progress,
        )
    if research_compat:
        from langchain_metaaligner.evaluation.judge.research_files import write_ratings

        write_ratings(result, source.stem)
    table = Table("objective", "responses", "mean", "scores", "unusable")
    for one, by in result.figures["ratings"].items():
        for column, told in by.items():
            mean = "none" if told["mean"] is None else f"{told['mean']:.2f}"
            unusable = told["invalid"] + told["errors"] + told["absent"]
            table.add_row(one, column, mean, str(told["n"]), str(unusable))
    _told(table, result.figures["calls"], output)


@contextmanager
def _calls(
    price: float | None, only_estimate: bool
) -> Iterator[tuple[Callable[[Estimate], None], Callable[[int], None]]]:
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("judging", total=None)

        def before(told: Estimate) -> None:
            cost = "" if price is None else f", about {told.tokens_in * price / 1e6:.2f} to ask"
            bar.console.print(
                f"{told.calls:,} calls, about {told.tokens_in:,} tokens of prompt{cost}; "
                f"{told.known:,} replies are known."
            )
            if only_estimate:
                raise typer.Exit
            bar.update(task, total=told.calls + told.known)

        yield before, lambda calls: bar.advance(task, calls)


def _told(table: Table, calls: dict[str, Any], output: Path) -> None:
    console = Console(stderr=True)
    console.print(table)
    console.print(
        f"{calls['asked']:,} replies, {calls['errors']:,} errors, {calls['tokens_in']:,} tokens of "
        f"prompt and {calls['tokens_out']:,} of reply."
    )
    Console().print(str(output), soft_wrap=True)
