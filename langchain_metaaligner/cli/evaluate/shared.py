"""What the commands of ``evaluate`` share: options, the judge, progress, and what is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.cli.options import key_values, one_of
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.cli.terminal import console, print_json
from langchain_metaaligner.errors import CallError

if TYPE_CHECKING:
    from langchain_metaaligner.evaluation.judge.ask import Estimate, Judge
    from langchain_metaaligner.evaluation.report.sections import Section
    from langchain_metaaligner.evaluation.results import Result

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="A file as `metaaligner align-file` writes it, or a folder of them."
    ),
]


JudgeName = Annotated[
    str,
    typer.Option(
        "--judge", metavar="NAME", help="A chat model by its init_chat_model name: openai:gpt-4o."
    ),
]


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """How a chat model is asked for its judgement."""

    heading: ClassVar = "Judge"

    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="Whose prompts: HH-RLHF, UltraFeedback or IMHI.",
            autocompletion=one_of("HH-RLHF", "UltraFeedback", "IMHI"),
        ),
    ] = "UltraFeedback"
    judge_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="For the model, such as base_url=URL. Repeatable."),
    ] = None
    structured: Annotated[
        bool | None,
        typer.Option(
            "--structured/--plain",
            help="Structured output or text. By default what the model has.",
        ),
    ] = None
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Calls at the same time.")
    ] = 8
    tries: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often one call is made, at most.")
    ] = 5

    def make(self, name: str) -> Judge:
        """The judge of that name.

        Raises:
            SettingError: if it cannot be made: no such provider, no package, no key.
        """
        from langchain_metaaligner.evaluation.judge.ask import Judge
        from langchain_metaaligner.files.calls import chat_model

        options = key_values("--judge-option", self.judge_option)
        model = chat_model(name, **options)
        return Judge(model, name, self.concurrency, self.tries, self.structured, options)

    def settings(self, name: str, research_compat: bool) -> dict[str, Any]:
        """What `Judge.settings` will be, of a judge that is not made; for an estimate.

        Whether its replies are structured is left out where only the model knows it.
        """
        from langchain_metaaligner.files.calls import answer_options

        settings: dict[str, Any] = {
            "judge": name,
            "dataset": self.dataset,
            "research_compat": research_compat,
        }
        if self.structured is not None or research_compat:
            settings["structured"] = bool(self.structured) and not research_compat
        shaping = answer_options(key_values("--judge-option", self.judge_option))
        return settings | ({"options": shaping} if shaping else {})


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a judge may cost."""

    heading: ClassVar = "Cost"

    price: Annotated[
        float | None,
        typer.Option(metavar="PRICE", help="Of a million tokens of prompt, for the estimate."),
    ] = None
    only_estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            "--dry-run",
            help="Say what it would cost, ask nothing; no key needed.",
        ),
    ] = False


OneOrder = Annotated[
    bool, typer.Option("--one-order", help="Ask each pair once, at a random position.")
]


def check_objectives(dataset: str, objectives: Sequence[str]) -> None:
    """Find a mistake in the objectives before anything is read or loaded.

    Raises:
        ObjectiveError: if one is unknown.
        TemplateError: if the data set is.
    """
    from langchain_metaaligner.evaluation.judge.prompts import aspect_text

    for objective in objectives:
        aspect_text(dataset, objective)


def estimate_told(estimate: Estimate, price: float | None) -> str:
    """An estimate in a sentence."""
    cost = "" if price is None else f", about {estimate.tokens_in * price / 1e6:.2f} to ask"
    return (
        f"{estimate.calls:,} calls, about {estimate.tokens_in:,} tokens of prompt{cost}; "
        f"{estimate.known:,} replies are known."
    )


@contextmanager
def paid_calls(
    label: str, price: float | None, again: str
) -> Iterator[tuple[Callable[[Estimate], None], Callable[[int], None]]]:
    """A bar that fills with the calls of a judge; Ctrl-C ends in a sentence on what was done.

    Args:
        label: what is done.
        price: of a million tokens of prompt.
        again: where the ledger lies, for whoever goes on.

    Yields:
        What is called with the estimate, and with the number of calls made.
    """
    done = total = 0

    def sentence() -> str:
        return (
            f"{done:,} of {total:,} calls were made, and their replies are kept in {again}. Run "
            "the same command to go on."
        )

    with stopped_with(sentence), Progress(console=console()) as bar:
        task = bar.add_task(label, total=None)

        def before(estimate: Estimate) -> None:
            nonlocal total
            total = estimate.calls
            bar.console.print(estimate_told(estimate, price), highlight=False)
            bar.update(task, total=total, visible=total > 0)

        def progress(calls: int) -> None:
            nonlocal done
            done += calls
            bar.advance(task, calls)

        yield before, progress


def print_sections(sections: Sequence[Section]) -> None:
    """Print the sentences and tables of a report's sections for people to read."""
    shown = console()
    for section in sections:
        for sentence in section.words:
            shown.print(Text(sentence))
        for number, figures in enumerate(section.tables):
            table = Table(title=Text("More figures" if number else section.title))
            for place, heading in enumerate(figures.headings):
                justify: Any = "right" if figures.is_number(place) else "left"
                table.add_column(Text(heading), overflow="fold", justify=justify)
            for row in figures.rows:
                table.add_row(*map(Text, row))
            shown.print(table)


def print_result(result: Result, as_json: bool = False) -> None:
    """Print what a result says, and on standard output where it lies, or all of it as JSON."""
    from langchain_metaaligner.evaluation.report.page import sections_of

    print_sections(sections_of(result))
    if as_json:
        shown = {"kind": result.kind, "settings": result.settings, "figures": result.figures}
        print_json({"folder": str(result.folder), **shown})
    else:
        sys.stdout.write(f"{result.folder}\n")


def refuse_failure(result: Result) -> None:
    """End a command with an error where nothing that the judge was asked could be used.

    Raises:
        CallError: if every call failed, or no reply could be read.
    """
    calls = result.figures["calls"]
    if not calls["asked"]:
        return
    if calls["errors"] == calls["asked"]:
        reasons = "; ".join(calls.get("failures", {}))
        raise CallError(
            f"All {calls['asked']:,} calls failed: {reasons or 'see the ledger'}. "
            "Run the same command again to try them again."
        )
    if not _usable(result):
        raise CallError(
            "No reply of the judge could be read: none names a choice. The replies are in "
            f"{result.folder / 'rows.jsonl'}; try --structured or --plain, or another judge."
        )


def _usable(result: Result) -> bool:
    if result.kind == "rating":
        by_objective = result.figures["ratings"].values()
        return any(its["n"] for by_column in by_objective for its in by_column.values())
    rows = result.rows()
    asked = (row for row in rows if row["replies"])
    return any(row["outcome"] in ("win", "tied", "lose") for row in asked)
