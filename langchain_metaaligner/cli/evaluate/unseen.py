"""``metaaligner evaluate unseen``: objectives added one by one, and what a judge thinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from langchain_metaaligner.cli.evaluate.shared import (
    Concurrency,
    JudgeName,
    JudgeOptions,
    Limit,
    OneOrder,
    Structured,
    Tries,
    check_objectives,
    console,
    make_judge,
    print_result,
    refuse_failure,
)
from langchain_metaaligner.cli.options import Device, Model, Template
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.runnable import MetaAlignerRunnable


def unseen(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Drafts, as `metaaligner align-file` reads them.")
    ],
    judge: JudgeName,
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
    judge_option: JudgeOptions = None,
    structured: Structured = None,
    one_order: OneOrder = False,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows in one forward pass.")] = 8,
) -> None:
    """Add unseen objectives one by one and judge after each; a stopped run goes on."""
    from langchain_metaaligner.evaluation.unseen import TRAINED, UNSEEN, evaluate_unseen
    from langchain_metaaligner.files.drafts import open_table

    def make_aligner(objectives: Sequence[str]) -> MetaAlignerRunnable:
        return MetaAlignerRunnable(
            objectives=list(objectives),
            model=model,
            template=template,
            model_kwargs={"device": device, "batch_size": batch_size},
        )

    steps = (trained or TRAINED, add or UNSEEN)
    check_objectives(dataset, [*steps[0], *steps[1]])
    table = open_table(source)
    asked = make_judge(judge, judge_option, concurrency, tries, structured)
    kept = f"Edits and replies are kept in {output}. Run the same command to go on."
    with stopped_with(lambda: kept):
        result = evaluate_unseen(
            table,
            make_aligner,
            asked,
            output,
            trained=steps[0],
            unseen=steps[1],
            dataset=dataset,
            both_orders=not one_order,
            limit=limit,
            announce=lambda step: console().print(step, markup=False, highlight=False),
        )
    print_result(result)
    refuse_failure(result)
