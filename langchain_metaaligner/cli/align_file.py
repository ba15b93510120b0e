"""``metaaligner align-file``: a file of drafts, streamed and resumable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from langchain_metaaligner.cli.options import Device, Model, Template
from langchain_metaaligner.errors import SettingError, nearest

if TYPE_CHECKING:
    from langchain_metaaligner.files.align import Engine, Report

ENGINES = ("local", "ray")


def align_file(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A CSV, JSONL or Parquet file, or a Hub data set."),
    ],
    output: Annotated[Path, typer.Option("--output", help="A .csv, .jsonl or .parquet file.")],
    objective: Annotated[
        list[str],
        typer.Option("--objective", "-o", help='A name, or "Name: description". Repeatable.'),
    ],
    model: Model = "mini",
    template: Template = "auto",
    device: Device = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Rows in one forward pass.")
    ] = 8,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens that an edit may take.")
    ] = 1024,
    question_column: Annotated[str | None, typer.Option(help="The column of questions.")] = None,
    answer_column: Annotated[str | None, typer.Option(help="The column of drafts.")] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="A CSV file whose query column is joined by row (IMHI test sets)."),
    ] = None,
    preserve: Annotated[
        list[str] | None,
        typer.Option(help="What must survive: code, urls, numbers or citations. Repeatable."),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="local or ray.")] = "local",
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the model, with ray.")] = 1,
    base_url: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server (/v1) that serves the model."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests to that server at the same time.")
    ] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds that one request may take.")] = 120.0,
    retries: Annotated[int, typer.Option(min=0, help="Times that a request is repeated.")] = 6,
    research_compat: Annotated[
        bool,
        typer.Option("--research-compat", help="What the research script writes, bugs included."),
    ] = False,
) -> None:
    """Correct all drafts of a file; started again, a stopped run goes on."""
    if engine not in ENGINES:
        raise SettingError(
            f"--engine {engine} is unknown.{nearest(engine, ENGINES)} Give local or ray."
        )
    llm = None
    if base_url is not None:
        from langchain_metaaligner.files.servers import served

        llm = served(model, base_url, max_new_tokens, concurrency, timeout, retries)
    options: dict[str, Any] = {
        "device": device,
        "batch_size": batch_size,
        "max_new_tokens": max_new_tokens,
    }
    if research_compat:
        _as_research(source, output, objective, model, template, options, llm)
        return
    from langchain_metaaligner.files.align import align_file as run
    from langchain_metaaligner.files.engines import LocalEngine, settings_of
    from langchain_metaaligner.runnable import MetaAlignerRunnable
    from langchain_metaaligner.tables.source import open_table

    table = open_table(source, question_column, answer_column, questions)
    chosen: dict[str, Any] = {
        "objectives": objective,
        "model": model,
        "llm": llm,
        "template": template,
        "model_kwargs": {} if llm is not None else options,
        "preserve": preserve or (),
    }
    aligner = MetaAlignerRunnable(**chosen)
    window = 8 * batch_size * replicas
    aligns: Engine = LocalEngine(aligner)
    if engine == "ray":
        from langchain_metaaligner.files.ray import RayEngine

        aligns = RayEngine(chosen, replicas, batch_size)
    with _progress() as bar:
        task = bar.add_task(Path(source).name, total=len(table) or None)
        report = run(
            table,
            output,
            aligns,
            settings_of(aligner),
            window=window,
            progress=lambda rows: bar.advance(task, rows),
        )
    _tell(report, output)


def _as_research(
    source: str,
    output: Path,
    objective: list[str],
    model: str,
    template: str,
    options: dict[str, Any],
    llm: Any,
) -> None:
    from langchain_metaaligner.files.research import align_as_research, research_template
    from langchain_metaaligner.models.aligner import AlignerLLM
    from langchain_metaaligner.objectives import parse_objectives
    from langchain_metaaligner.templates import EditTemplate

    path = Path(source)
    chosen = research_template(model) if template == "auto" else EditTemplate.named(template)
    with _progress() as bar:
        task = bar.add_task(path.name, total=None)
        rows = align_as_research(
            path,
            output,
            llm or AlignerLLM(model=model, **options),
            chosen,
            parse_objectives(objective),
            batch_size=options["batch_size"],
            progress=lambda rows: bar.advance(task, rows),
        )
    sys.stderr.write(f"{rows:,} rows.\n")
    sys.stdout.write(f"{output}\n")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """The rate of late; nothing before there is one."""
        return Text("" if task.speed is None else f"{task.speed:.1f} rows/s")


def _tell(report: Report, output: Path) -> None:
    parts = [f"{number:,} {decision}" for decision, number in sorted(report.decisions.items())]
    sys.stderr.write(f"{report.rows:,} rows: {', '.join(parts) or 'none'}.\n")
    if report.reasons:
        why = ", ".join(f"{number:,} {reason}" for reason, number in report.reasons.most_common())
        sys.stderr.write(f"Kept because of: {why}.\n")
    if report.reused:
        sys.stderr.write(f"{report.reused:,} rows were known already.\n")
    for kind, number in report.problems.counts.items():
        lines = ", ".join(str(one.line) for one in report.problems.all[:5] if one.kind == kind)
        sys.stderr.write(f"{number:,} {kind}: line {lines}. They are no rows, and not written.\n")
    sys.stdout.write(f"{output}\n")
