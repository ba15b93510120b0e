"""What the commands of ``evaluate`` share: options, the judge, progress, and what is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.cli.options import key_values
from langchain_metaaligner.cli.stopping import stopped_with
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
QuestionColumn = Annotated[
    str | None, typer.Option(help="The column of questions; by itself found by its name.")
]
Escaped = Annotated[
    bool, typer.Option("--escaped", help="CSV is in the research's dialect: doubled backslashes.")
]
JudgeName = Annotated[
    str, typer.Option("--judge", help="A chat model by its init_chat_model name: openai:gpt-4o.")
]
Output = Annotated[Path, typer.Option("--output", help="Folder for the result and its ledger.")]
Objectives = Annotated[
    list[str], typer.Option("--objective", "-o", help='A name, or "Name: text". Repeatable.')
]
Dataset = Annotated[
    str, typer.Option("--dataset", help="Whose prompts: HH-RLHF, UltraFeedback or IMHI.")
]
JudgeOptions = Annotated[
    list[str] | None,
    typer.Option("--judge-option", help="KEY=VALUE for the model, such as base_url. Repeatable."),
]
Structured = Annotated[
    bool | None,
    typer.Option(
        "--structured/--plain", help="Structured output or text; by itself what the model has."
    ),
]
OneOrder = Annotated[
    bool, typer.Option("--one-order", help="Ask each pair once, at a random position.")
]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls at the same time.")]
Tries = Annotated[int, typer.Option(min=1, help="How often one call is made, at most.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Rows of each file, from the first on.")]
Price = Annotated[
    float | None, typer.Option(help="Price of a million tokens of prompt, for the estimate.")
]
OnlyEstimate = Annotated[
    bool, typer.Option("--estimate", help="Say what it would cost, and ask nothing: no key needed.")
]
Compat = Annotated[
    bool, typer.Option("--research-compat", help="As the research script, bugs included.")
]


def make_judge(
    name: str,
    options: Sequence[str] | None,
    concurrency: int,
    tries: int,
    structured: bool | None,
) -> Judge:
    """The judge of a command.

    Raises:
        SettingError: if it cannot be made: no such provider, no package, no key.
    """
    from langchain_metaaligner.evaluation.judge.ask import Judge
    from langchain_metaaligner.files.calls import chat_model

    its_options = key_values("--judge-option", options)
    return Judge(chat_model(name, **its_options), name, concurrency, tries, structured, its_options)


def unmade_settings(
    name: str,
    options: Sequence[str] | None,
    dataset: str,
    structured: bool | None,
    research_compat: bool,
) -> dict[str, Any]:
    """What `Judge.settings` will be, of a judge that is not made; for an estimate.

    Whether its replies are structured is left out where only the model knows it.
    """
    from langchain_metaaligner.files.calls import answer_options

    settings: dict[str, Any] = {
        "judge": name,
        "dataset": dataset,
        "research_compat": research_compat,
    }
    if structured is not None or research_compat:
        settings["structured"] = bool(structured) and not research_compat
    shaping = answer_options(key_values("--judge-option", options))
    return settings | ({"options": shaping} if shaping else {})


def check_objectives(dataset: str, objectives: Sequence[str]) -> None:
    """Find a mistake in the objectives before anything is read or loaded.

    Raises:
        ObjectiveError: if one is unknown.
        TemplateError: if the data set is.
    """
    from langchain_metaaligner.evaluation.judge.prompts import aspect_text

    for objective in objectives:
        aspect_text(dataset, objective)


def console() -> Console:
    """Where people read: standard error, wide where it is no terminal that wraps."""
    shown = Console(stderr=True)
    return shown if shown.is_terminal else Console(stderr=True, width=160)


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
        if section.rows:
            table = Table(title=Text(section.title))
            for place, heading in enumerate(section.headings):
                table.add_column(Text(heading), overflow="fold", justify=_justify(section, place))
            for row in section.rows:
                table.add_row(*map(Text, row))
            shown.print(table)


def _justify(section: Section, place: int) -> Any:
    cells = [row[place] for row in section.rows if row[place]]
    numbers = all(cell[:1].isdigit() or cell[:1] in "+-" or cell == "none" for cell in cells)
    return "right" if cells and numbers and place else "left"


def print_result(result: Result) -> None:
    """Print what a result tells, and on standard output where it lies."""
    from langchain_metaaligner.evaluation.report.page import sections_of

    print_sections(sections_of(result))
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
