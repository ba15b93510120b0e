"""``metaaligner evaluate report``: one page of any number of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of `evaluate`, files of `align-file`."),
    ],
    output: Annotated[Path, typer.Option("--output", help="The HTML page.")] = Path("report.html"),
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="The same as Markdown, without plots.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "What the edits gain",
) -> None:
    """Make one page of what was measured."""
    from langchain_metaaligner.evaluation.report.page import as_html, as_markdown, make_report

    sections = make_report(runs)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(as_html(sections, title), encoding="utf-8")
    sys.stdout.write(f"{output}\n")
    if markdown is not None:
        markdown.write_text(as_markdown(sections, title), encoding="utf-8")
        sys.stdout.write(f"{markdown}\n")
