"""``metaaligner evaluate report``: one page of any number of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from langchain_metaaligner.cli.options import Escaped

EXAMPLES = ("metaaligner evaluate report aligned.csv runs/judge -o report.html",)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of `evaluate`, files of `align-file`."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The HTML page.")
    ] = Path("report.html"),
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="The same as Markdown, without plots."),
    ] = None,
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Heading of the page.")
    ] = "What the edits gain",
    escaped: Escaped = False,
) -> None:
    """Make one page of what was measured."""
    from langchain_metaaligner.evaluation.report.page import as_html, as_markdown, make_report
    from langchain_metaaligner.tables.whole import whole_file

    sections = make_report(runs, escaped)
    pages = {output: as_html(sections, title)}
    if markdown is not None:
        pages[markdown] = as_markdown(sections, title)
    for path, text in pages.items():
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
