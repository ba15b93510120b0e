"""The command line: ``metaaligner …``, one file per command."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from langchain_metaaligner.cli import (
    align,
    align_file,
    demo,
    doctor,
    generate,
    objectives,
    playground,
    policy,
    score,
    serve,
    train,
)
from langchain_metaaligner.cli.command import CommandGroup, add
from langchain_metaaligner.cli.data import data
from langchain_metaaligner.cli.evaluate import evaluate
from langchain_metaaligner.cli.terminal import is_verbose
from langchain_metaaligner.errors import MetaAlignerError

TRY, CORRECT, MEASURE, TRAIN = "Try it", "Correct answers", "Measure", "Train and research"

app = typer.Typer(
    name="metaaligner",
    cls=CommandGroup,
    help="Make any LLM's answer better, on objectives you name.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add(app, demo.demo, group=TRY, examples=demo.EXAMPLES)
add(app, objectives.objectives, group=TRY, examples=objectives.EXAMPLES)
add(app, playground.playground, group=TRY, examples=playground.EXAMPLES)
add(app, doctor.doctor, group=TRY, examples=doctor.EXAMPLES)
add(app, align.align, group=CORRECT, examples=align.EXAMPLES)
add(app, align_file.align_file, group=CORRECT, examples=align_file.EXAMPLES)
add(app, serve.serve, group=CORRECT, examples=serve.EXAMPLES)
add(policy.policy, policy.check, examples=policy.CHECK_EXAMPLES)
add(policy.policy, policy.schema, examples=policy.SCHEMA_EXAMPLES)
app.add_typer(policy.policy, rich_help_panel=CORRECT)
app.add_typer(evaluate, rich_help_panel=MEASURE)
add(app, generate.generate, group=MEASURE, examples=generate.EXAMPLES)
add(app, train.train, group=TRAIN, examples=train.EXAMPLES)
add(
    data,
    score.score,
    group="Scores, which HH-RLHF needs first",
    examples=score.EXAMPLES,
)
app.add_typer(data, rich_help_panel=TRAIN)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"metaaligner {version('langchain-metaaligner')}\n")
        raise typer.Exit


@app.callback()
def _metaaligner(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Make any LLM's answer better, on objectives you name."""


def main() -> None:
    """Run the command line; a mistake of the caller is one sentence and exit status 1."""
    try:
        app()
    except MetaAlignerError as error:
        if is_verbose():
            traceback.print_exc()
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)
