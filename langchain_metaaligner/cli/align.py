"""``metaaligner align``: one answer, from the command line."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from langchain_metaaligner.cli.display import panel
from langchain_metaaligner.cli.options import Device, Model, Template
from langchain_metaaligner.runnable import MetaAlignerRunnable


def align(
    question: Annotated[str, typer.Argument(help="What was asked.")],
    answer: Annotated[str, typer.Argument(help="The draft answer; - reads it from stdin.")],
    objective: Annotated[
        list[str],
        typer.Option("--objective", "-o", help='A name, or "Name: description". Repeatable.'),
    ],
    model: Model = "mini",
    template: Template = "auto",
    device: Device = None,
    preserve: Annotated[
        list[str] | None,
        typer.Option(help="What must survive: code, urls, numbers or citations. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record.")] = False,
) -> None:
    """Correct one answer and print it."""
    draft = sys.stdin.read() if answer == "-" else answer
    aligner = MetaAlignerRunnable(
        objectives=objective,
        model=model,
        template=template,
        model_kwargs={"device": device},
        preserve=preserve or (),
        on_missing_question="raise",
    )
    with Console(stderr=True).status(f"Editing with {model} …"):
        alignment = aligner.align(question, draft)
    if as_json:
        sys.stdout.write(json.dumps(alignment.record(), ensure_ascii=False, indent=2) + "\n")
    elif sys.stdout.isatty():
        Console().print(panel(question, alignment))
    else:
        sys.stdout.write(alignment.text + "\n")
        if alignment.decision == "kept":
            sys.stderr.write(f"The draft was kept: {alignment.detail}\n")
