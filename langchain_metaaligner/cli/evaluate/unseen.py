"""``metaaligner evaluate unseen``: objectives added one by one, and what a judge thinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from langchain_metaaligner.cli.evaluate.shared import (
    JudgeName,
    JudgeOptions,
    OneOrder,
    check_objectives,
    print_result,
    refuse_failure,
)
from langchain_metaaligner.cli.options import (
    AlignerOptions,
    AsJson,
    BatchSize,
    Limit,
    OutputFolder,
    one_of,
)
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.cli.terminal import console
from langchain_metaaligner.objectives import KNOWN

if TYPE_CHECKING:
    from langchain_metaaligner.edit.signature import TemplateName
    from langchain_metaaligner.runnable import MetaAlignerRunnable

EXAMPLES = ("metaaligner evaluate unseen drafts.csv --judge openai:gpt-4o -o runs/u",)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `unseen` is asked for."""

    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Drafts, as `metaaligner align-file` reads them.")
    ]
    judge: JudgeName
    output: OutputFolder
    trained: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Objective of the first step. By default UltraFeedback's. Repeatable.",
            autocompletion=one_of(*KNOWN),
        ),
    ] = None
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Objective added after it. By default the paper's six. Repeatable.",
            autocompletion=one_of(*KNOWN),
        ),
    ] = None
    limit: Limit = None
    aligner: AlignerOptions
    batch_size: BatchSize = 8
    asking: JudgeOptions
    one_order: OneOrder = False
    as_json: AsJson = False


def unseen(run: Run) -> None:
    """Add unseen objectives one by one and judge after each; a stopped run goes on."""
    from langchain_metaaligner.evaluation.unseen import TRAINED, UNSEEN, evaluate_unseen
    from langchain_metaaligner.files.drafts import open_table
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    def make_aligner(objectives: Sequence[str]) -> MetaAlignerRunnable:
        return MetaAlignerRunnable(
            objectives=list(objectives),
            model=run.aligner.model,
            template=cast("TemplateName", run.aligner.template),
            model_kwargs={"device": run.aligner.device, "batch_size": run.batch_size},
        )

    steps = (run.trained or TRAINED, run.add or UNSEEN)
    check_objectives(run.asking.dataset, [*steps[0], *steps[1]])
    table = open_table(run.source)
    asked = run.asking.make(run.judge)
    kept = f"Edits and replies are kept in {run.output}. Run the same command to go on."
    with stopped_with(lambda: kept):
        result = evaluate_unseen(
            table,
            make_aligner,
            asked,
            run.output,
            trained=steps[0],
            unseen=steps[1],
            dataset=run.asking.dataset,
            both_orders=not run.one_order,
            limit=run.limit,
            announce=lambda step: console().print(step, markup=False, highlight=False),
        )
    print_result(result, run.as_json)
    refuse_failure(result)
