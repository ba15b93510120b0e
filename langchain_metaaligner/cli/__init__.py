"""The command line: ``metaaligner …``, one file per command."""

from __future__ import annotations

import sys

import typer

from langchain_metaaligner.cli.align import align
from langchain_metaaligner.cli.align_file import align_file
from langchain_metaaligner.cli.data import data
from langchain_metaaligner.cli.demo import demo
from langchain_metaaligner.cli.evaluate import evaluate
from langchain_metaaligner.cli.generate import generate
from langchain_metaaligner.cli.objectives import objectives
from langchain_metaaligner.cli.score import score
from langchain_metaaligner.cli.serve import serve
from langchain_metaaligner.cli.train import train
from langchain_metaaligner.errors import MetaAlignerError

app = typer.Typer(
    name="metaaligner",
    help="Make any LLM's answer better, on objectives you name.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(objectives)
app.command()(align)
app.command("align-file")(align_file)
app.command()(train)
app.command()(generate)
app.command()(serve)
data.command("score")(score)
app.add_typer(data)
app.add_typer(evaluate)


def main() -> None:
    """Run the command line; a mistake of the caller is one sentence and exit status 1."""
    try:
        app()
    except MetaAlignerError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)
