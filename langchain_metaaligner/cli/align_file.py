"""``metaaligner align-file``: a file of drafts, streamed and resumable."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.errors import DataError, SettingError, nearest

if TYPE_CHECKING:
    from langchain_metaaligner.files.align import Engine, Report
    from langchain_metaaligner.files.drafts import Table

ENGINES = ("local", "ray")
STANDARD = "-"
"""What stands for standard input and output."""


def align_file(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A CSV, TSV, JSON, JSONL or Parquet file, a folder of them, a Hub data set, or -.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            help="A .csv, .tsv, .json, .jsonl or .parquet file, or - (JSONL on standard output).",
        ),
    ],
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
        typer.Option(help="A file whose query column is joined by row (IMHI test sets)."),
    ] = None,
    preserve: Annotated[
        list[str] | None,
        typer.Option(help="What must survive: code, urls, numbers or citations. Repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that this command did not write.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option(help="Of a text file, such as cp1252; by itself UTF-8.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(help="csv, tsv, json, jsonl or parquet, where the input's name does not say."),
    ] = None,
    escaped: Annotated[
        bool,
        typer.Option("--escaped", help="CSV as the research writes it, backslashes doubled."),
    ] = False,
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
    if source != STANDARD and Path(source).is_dir():
        _align_folder(Path(source), output, questions, dict(locals()))
        return
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
        _as_research(source, output, objective, model, template, options, llm, force)
        return
    from langchain_metaaligner.files.drafts import open_table
    from langchain_metaaligner.tables.source import open_source

    with _readable(source, input_format) as (name, kind):
        opened = open_source(name, format=kind, escaped=escaped, encoding=encoding)
        table = open_table(opened, question_column, answer_column, questions)
        aligner_options: dict[str, Any] = {
            "objectives": objective,
            "model": model,
            "llm": llm,
            "template": template,
            "model_kwargs": {} if llm is not None else options,
            "preserve": preserve or (),
        }
        report = _run(table, output, aligner_options, engine, replicas, batch_size, force)
    _tell(report, output)
    if _lost(report):
        raise typer.Exit(1)


def _align_folder(
    folder: Path, output: Path, questions: Path | None, options: dict[str, Any]
) -> None:
    """Each file of a folder, such as the outputs on the data sets of IMHI, under its own name."""
    from langchain_metaaligner.tables.source import READ, format_of

    paths = [path for path in sorted(folder.iterdir()) if path.is_file() and format_of(path)]
    paths = [path for path in paths if not path.name.endswith((".ledger.jsonl", ".problems.jsonl"))]
    if not paths:
        raise DataError(f"{folder} holds no rows. Give {READ}, or a folder of such files.")
    if output.is_file() or output.resolve() == folder.resolve():
        raise SettingError(
            f"--output {output} cannot take the files of the folder {folder}. Give another folder."
        )
    failed = False
    for path in paths:
        joined = questions / path.name if questions and questions.is_dir() else questions
        of_file = {"source": str(path), "output": output / path.name, "questions": joined}
        try:
            align_file(**{**options, **of_file})
        except typer.Exit as end:
            failed = failed or bool(end.exit_code)
    if failed:
        raise typer.Exit(1)


def _run(
    table: Table,
    output: Path,
    options: dict[str, Any],
    engine: str,
    replicas: int,
    batch_size: int,
    force: bool,
) -> Report:
    from langchain_metaaligner.files.align import align_file as align_to_file
    from langchain_metaaligner.files.align import ledger_of
    from langchain_metaaligner.files.engines import LocalEngine, settings_of
    from langchain_metaaligner.runnable import MetaAlignerRunnable
    from langchain_metaaligner.tables.write import check_output

    to_standard = str(output) == STANDARD
    if not to_standard:  # before a model is loaded
        check_output(output, table.inputs, ledger_of(output), force)
    aligner = MetaAlignerRunnable(**options)
    aligns: Engine = LocalEngine(aligner)
    if engine == "ray":
        from langchain_metaaligner.files.ray import RayEngine

        aligns = RayEngine(options, replicas, batch_size)
    window = 8 * batch_size * replicas
    done = 0
    with _progress() as bar:
        task = bar.add_task(table.source.path.name, total=table.count)

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            bar.advance(task, rows)

        again = "" if to_standard else " Run the same command to go on from there."
        with stopped_with(lambda: f"{done:,} rows were done.{again}"):
            if to_standard:
                return _to_standard_output(table, aligns, settings_of(aligner), window, advance)
            return align_to_file(
                table,
                output,
                aligns,
                settings_of(aligner),
                window=window,
                force=force,
                progress=advance,
            )


def _to_standard_output(
    table: Table, engine: Engine, settings: dict[str, Any], window: int, progress: Any
) -> Report:
    from langchain_metaaligner.files.align import Report, aligned_rows
    from langchain_metaaligner.tables.ledger import Ledger
    from langchain_metaaligner.tables.write import write_json_lines

    report = Report()
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger(Path(folder) / "ledger.jsonl", settings) as ledger,
    ):
        rows = aligned_rows(table, ledger, engine, report, window=window, progress=progress)
        report.rows = write_json_lines(sys.stdout, rows)
    return report


@contextmanager
def _readable(source: str, kind: str | None) -> Iterator[tuple[str, str | None]]:
    """The name and format of a file that can be read more than once."""
    from langchain_metaaligner.tables.source import FORMATS, spooled

    if kind is not None and kind not in FORMATS.values():
        raise SettingError(
            f"--input-format {kind} is unknown.{nearest(kind, FORMATS.values())} Give one of: "
            f"{', '.join(dict.fromkeys(FORMATS.values()))}."
        )
    if source != STANDARD:
        yield source, kind
        return
    path = spooled(sys.stdin.buffer, kind or "jsonl")
    try:
        yield str(path), kind or "jsonl"
    finally:
        path.unlink()


def _as_research(
    source: str,
    output: Path,
    objective: list[str],
    model: str,
    template: str,
    options: dict[str, Any],
    llm: Any,
    force: bool,
) -> None:
    from langchain_metaaligner.files.research import align_as_research, research_template
    from langchain_metaaligner.models.aligner import AlignerLLM
    from langchain_metaaligner.objectives import parse_objectives
    from langchain_metaaligner.templates import EditTemplate

    path = Path(source)
    by_path = template == "auto"
    edit_template = research_template(model) if by_path else EditTemplate.named(template)
    with _progress() as bar:
        task = bar.add_task(path.name, total=None)
        rows = align_as_research(
            path,
            output,
            llm or AlignerLLM(model=model, **options),
            edit_template,
            parse_objectives(objective),
            batch_size=options["batch_size"],
            force=force,
            progress=lambda rows: bar.advance(task, rows),
        )
    sys.stderr.write(f"{rows:,} rows.\n")
    sys.stdout.write(f"{output}\n")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
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
    renamed = [f"{ours} is {name}" for ours, name in report.columns.items() if ours != name]
    if renamed:
        sys.stderr.write(f"The input has columns of our names, so: {', '.join(renamed)}.\n")
    for kind, number in report.problems.counts.items():
        lines = ", ".join(str(one.line) for one in report.problems.all[:5] if one.kind == kind)
        sys.stderr.write(f"{number:,} {kind}: line {lines}. They are no rows, and not written.\n")
    if report.reasons["not_unicode"]:
        sys.stderr.write(
            f"{report.reasons['not_unicode']:,} rows hold bytes that are no UTF-8; they were kept, "
            "with U+FFFD for what could not be read. Give the file's encoding with --encoding.\n"
        )
    if str(output) != STANDARD:
        sys.stdout.write(f"{output}\n")


def _lost(report: Report) -> bool:
    """Whether a row is missing or was not whole, or no edit was made because all failed."""
    failed = report.reasons["error"]
    return bool(
        report.problems.counts
        or report.reasons["not_unicode"]
        or (failed and failed == report.rows - report.reasons["empty_draft"])
    )
