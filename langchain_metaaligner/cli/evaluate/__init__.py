"""``metaaligner evaluate``: what an edit gains and costs, one file per command."""

from __future__ import annotations

import typer

from langchain_metaaligner.cli.evaluate.compare import compare
from langchain_metaaligner.cli.evaluate.imhi import imhi
from langchain_metaaligner.cli.evaluate.judge import judge, rate
from langchain_metaaligner.cli.evaluate.report import report
from langchain_metaaligner.cli.evaluate.reward import reward
from langchain_metaaligner.cli.evaluate.unseen import unseen

evaluate = typer.Typer(
    name="evaluate", help="Measure what edits gain and cost.", no_args_is_help=True
)


@evaluate.callback()
def _evaluate() -> None:
    """Keep the name of the command also while there is only one below it."""


evaluate.command()(judge)
evaluate.command()(rate)
evaluate.command()(reward)
evaluate.command()(imhi)
evaluate.command()(unseen)
evaluate.command()(compare)
evaluate.command()(report)
