"""``metaaligner align``: one answer, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from langchain_metaaligner.cli.options import AlignerOptions, AsJson, Force, Objectives, Preserve
from langchain_metaaligner.cli.terminal import console, detail, say
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.edit.checks import Preserved
    from langchain_metaaligner.edit.record import Alignment
    from langchain_metaaligner.edit.signature import TemplateName

EXAMPLES = (
    'metaaligner align "How long is an egg boiled?" "You fool. 9 minutes." -O fair',
    'echo "You fool. 9 minutes." | metaaligner align "Eggs?" - -O harmless --json',
    'metaaligner align "Eggs?" - -O "Concise: one sentence is enough" < draft.txt',
)


def align(
    question: Annotated[str, typer.Argument(help="What was asked.")],
    answer: Annotated[str, typer.Argument(help="The draft answer; - reads it from stdin.")],
    objective: Objectives,
    aligner: AlignerOptions,
    preserve: Preserve = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the answer into a file."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Correct one answer and print it.

    A terminal shows draft and answer side by side; a pipe gets the answer alone, and with --json
    the whole record.
    """
    if output is not None and output.exists() and not force:
        raise SettingError(
            f"--output {output} exists. Give another file, or --force to replace it."
        )
    draft = sys.stdin.read().removesuffix("\n") if answer == "-" else answer
    with console().status(f"Editing with {aligner.model} …"):
        alignment = _aligned(question, draft, objective, aligner, preserve)
    detail(
        f"{alignment.model}, template {alignment.template}: {alignment.prompt_tokens} tokens read, "
        f"{alignment.completion_tokens} written, {alignment.seconds or 0:.2f} s."
    )
    _show(question, alignment, output, as_json)


def _aligned(
    question: str,
    draft: str,
    objective: list[str],
    aligner: AlignerOptions,
    preserve: list[str] | None,
) -> Alignment:
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    runnable = MetaAlignerRunnable(
        objectives=objective,
        model=aligner.model,
        template=cast("TemplateName", aligner.template),
        model_kwargs={"device": aligner.device},
        preserve=cast("list[Preserved]", preserve or []),
        on_missing_question="raise",
    )
    return runnable.align(question, draft)


def _show(question: str, alignment: Alignment, output: Path | None, as_json: bool) -> None:
    from langchain_metaaligner.cli.display import panel

    text = alignment.text
    if as_json:
        text = json.dumps(alignment.record(), ensure_ascii=False, indent=2)
    if output is not None:
        from langchain_metaaligner.tables.whole import whole_file

        with whole_file(output) as unfinished:
            unfinished.write_text(f"{text}\n", encoding="utf-8")
        sys.stdout.write(f"{output}\n")
    elif sys.stdout.isatty() and not as_json:
        Console().print(panel(question, alignment))
        return
    else:
        sys.stdout.write(f"{text}\n")
    if alignment.decision == "kept" and not as_json:
        say(f"The draft was kept: {alignment.detail}")
