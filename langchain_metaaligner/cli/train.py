"""``metaaligner train``: an aligner or a baseline from a recipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML file, such as one of recipes/.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Values in place of the recipe's."),
    ] = None,
) -> None:
    """Train an aligner or a baseline; started again, a stopped run goes on."""
    from langchain_metaaligner.training import load_recipe
    from langchain_metaaligner.training import train as run

    report = run(load_recipe(recipe, changes or ()))
    if os.environ.get("RANK", "0") != "0":
        return
    table = Table("stage", "examples", "too long", "steps", "loss", "eval loss")
    for stage in report.stages:
        shown = "" if stage.eval_loss is None else f"{stage.eval_loss:.4f}"
        numbers = (f"{stage.examples:,}", f"{stage.too_long:,}", f"{stage.steps:,}")
        table.add_row(stage.name, *numbers, f"{stage.loss:.4f}", shown)
    Console(stderr=True).print(table)
    sys.stdout.write(f"{report.model}\n")
