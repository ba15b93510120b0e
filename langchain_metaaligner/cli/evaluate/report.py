"""``metaaligner evaluate report``: one page of any number of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from langchain_metaaligner.cli.options import Escaped, Force
from langchain_metaaligner.errors import DataError

EXAMPLES = (
    "metaaligner evaluate report aligned.csv runs/judge -o report.html",
    "metaaligner evaluate report aligned.csv runs/judge --price 2.5 --rows 5000",
)


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
    rows: Annotated[
        int, typer.Option(metavar="N", min=0, help="Answers that are shown one by one.")
    ] = 1_000,
    price: Annotated[
        float | None,
        typer.Option(metavar="PRICE", help="Of a million tokens that a judge reads."),
    ] = None,
    escaped: Escaped = False,
    force: Force = False,
) -> None:
    """Make one page of what was measured: verdict, figures, and every answer."""
    from langchain_metaaligner.evaluation.report.page import as_html, as_markdown, make_report
    from langchain_metaaligner.tables.whole import whole_file

    for path in filter(None, (output, markdown)):
        _refuse_foreign(path, force)
    made = make_report(runs, escaped, rows, price)
    pages = {output: as_html(made, title)}
    if markdown is not None:
        pages[markdown] = as_markdown(made, title)
    for path, text in pages.items():
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


def _refuse_foreign(path: Path, force: bool) -> None:
    """A report may take the place of an earlier one, and of nothing else."""
    from langchain_metaaligner.evaluation.report.page import MARK

    if force or not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        if MARK in file.read(4_000):
            return
    raise DataError(
        f"{path} exists, and is no report. Give another file, or --force to replace it."
    )
