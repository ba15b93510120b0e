"""``metaaligner train``: an aligner or a baseline from a recipe."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from langchain_metaaligner.cli.options import AsJson, DryRun
from langchain_metaaligner.cli.terminal import console, print_json

if TYPE_CHECKING:
    from langchain_metaaligner.training.run import TrainingReport

EXAMPLES = (
    "metaaligner train recipes/hh-rlhf-1.1b.yaml",
    "metaaligner train recipes/hh-rlhf-1.1b.yaml base=my/model --dry-run",
)


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML file, such as one of recipes/.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Values in place of the recipe's."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train an aligner or a baseline; started again, a stopped run goes on."""
    from langchain_metaaligner.training import load_recipe
    from langchain_metaaligner.training import train as run

    loaded = load_recipe(recipe, changes or ())
    if dry_run:
        print_json(loaded.model_dump(mode="json"))
        return
    report = run(loaded)
    if os.environ.get("RANK", "0") != "0":
        return
    console().print(_stages(report))
    if as_json:
        print_json(asdict(report))
    else:
        sys.stdout.write(f"{report.model}\n")


def _stages(report: TrainingReport) -> Table:
    table = Table("stage", "examples", "too long", "steps", "loss", "eval loss")
    for stage in report.stages:
        shown = "" if stage.eval_loss is None else f"{stage.eval_loss:.4f}"
        numbers = (f"{stage.examples:,}", f"{stage.too_long:,}", f"{stage.steps:,}")
        table.add_row(stage.name, *numbers, f"{stage.loss:.4f}", shown)
    return table
