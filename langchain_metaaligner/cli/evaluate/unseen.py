"""``metaaligner evaluate unseen``: objectives added one by one, and what a judge thinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from langchain_metaaligner.cli.evaluate.judge import (
    Concurrency,
    Judge,
    Limit,
    Options,
    Structured,
    Tries,
)
from langchain_metaaligner.cli.options import Device, Model, Template, key_values
from langchain_metaaligner.runnable import MetaAlignerRunnable


def unseen(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Drafts, as `metaaligner align-file` reads them.")
    ],
    judge: Judge,
    output: Annotated[
        Path, typer.Option("--output", help="Folder for the result and its ledgers.")
    ],
    model: Model = "mini",
    template: Template = "auto",
    device: Device = None,
    trained: Annotated[
        list[str] | None,
        typer.Option(help="Objective of the first step; by itself UltraFeedback's. Repeatable."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(help="Objective added after it; by itself the paper's six. Repeatable."),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Whose prompts the judge gets.")] = "UltraFeedback",
    judge_option: Options = None,
    structured: Structured = None,
    one_order: Annotated[
        bool, typer.Option("--one-order", help="Ask each pair once, at a random position.")
    ] = False,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows in one forward pass.")] = 8,
) -> None:
    """Add unseen objectives one by one and judge after each; a stopped run goes on."""
    from langchain_metaaligner.evaluation.judge.ask import Judge as Asked
    from langchain_metaaligner.evaluation.judge.ask import chat_model
    from langchain_metaaligner.evaluation.unseen import TRAINED, UNSEEN, evaluate_unseen
    from langchain_metaaligner.files.drafts import open_table

    console = Console(stderr=True)

    def make_aligner(objectives: Sequence[str]) -> MetaAlignerRunnable:
        return MetaAlignerRunnable(
            objectives=list(objectives),
            model=model,
            template=template,
            model_kwargs={"device": device, "batch_size": batch_size},
        )

    asked = chat_model(judge, **key_values("--judge-option", judge_option))
    result = evaluate_unseen(
        open_table(source),
        make_aligner,
        Asked(asked, judge, concurrency, tries, structured),
        output,
        trained=trained or TRAINED,
        unseen=add or UNSEEN,
        dataset=dataset,
        both_orders=not one_order,
        limit=limit,
        progress=lambda step: console.print(step, highlight=False),
    )
    objectives = [*result.settings["trained"], *result.settings["unseen"]]
    table = Table("added", *objectives)
    for step in result.figures["steps"]:
        rates = (step["win_rate"][one] for one in objectives)
        shown = ("none" if rate is None else f"{rate:.0%}" for rate in rates)
        table.add_row(step["added"] or "", *shown)
    console.print(table)
    Console().print(str(output), soft_wrap=True)
