"""``metaaligner align-file``: files of drafts, streamed and resumable."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from langchain_metaaligner.cli.align_file_options import ENGINES, Run
from langchain_metaaligner.cli.align_file_report import (
    dry_run_figures,
    figures,
    print_report,
    rows_lost,
)
from langchain_metaaligner.cli.terminal import counted_rows, detail, print_json, say
from langchain_metaaligner.errors import DataError, SettingError, nearest

if TYPE_CHECKING:
    from langchain_metaaligner.cli.terminal import Advance
    from langchain_metaaligner.files.align import Engine, Report
    from langchain_metaaligner.files.drafts import Table
    from langchain_metaaligner.runnable import MetaAlignerRunnable

STANDARD = "-"
"""What stands for standard input and output."""
EXAMPLES = (
    "metaaligner align-file drafts.csv -o aligned.csv -O harmless -O helpful",
    "metaaligner align-file drafts.csv -o first.csv -O fair --limit 20",
    "cat drafts.jsonl | metaaligner align-file - -o - -O harmless > aligned.jsonl",
)


def align_file(run: Run) -> None:
    """Correct all drafts of a file; started again, a stopped run goes on.

    The output has the rows of the input with the draft, the answer, what was decided, and why.
    An output - is JSONL on standard output.
    """
    engine = run.machines.engine
    if engine not in ENGINES:
        raise SettingError(
            f"--engine {engine} is unknown.{nearest(engine, ENGINES)} Give local or ray."
        )
    is_folder = run.source != STANDARD and Path(run.source).is_dir()
    if not (_align_folder if is_folder else _align_one)(run):
        raise typer.Exit(1)


def _align_folder(run: Run) -> bool:
    """Each file of a folder, such as the outputs on the data sets of IMHI, under its own name."""
    from langchain_metaaligner.tables.source import READ, format_of

    folder, output, questions = Path(run.source), run.output, run.columns.questions
    paths = [path for path in sorted(folder.iterdir()) if path.is_file() and format_of(path)]
    paths = [path for path in paths if not path.name.endswith((".ledger.jsonl", ".problems.jsonl"))]
    if not paths:
        raise DataError(f"{folder} holds no rows. Give {READ}, or a folder of such files.")
    if output.is_file() or output.resolve() == folder.resolve():
        raise SettingError(
            f"--output {output} cannot take the files of the folder {folder}. Give another folder."
        )
    ended_well = True
    for path in paths:
        joined = questions / path.name if questions and questions.is_dir() else questions
        columns = replace(run.columns, questions=joined)
        one = replace(run, source=str(path), output=output / path.name, columns=columns)
        ended_well = _align_one(one) and ended_well
    return ended_well


def _align_one(run: Run) -> bool:
    """Correct one input; whether every row of it was read, and was not lost to failures."""
    if run.research_compat:
        _align_as_research(run)
        return True
    from langchain_metaaligner.files.drafts import open_table
    from langchain_metaaligner.tables.source import open_source

    columns = run.columns
    with _readable(run.source, columns.input_format) as (name, kind):
        source = open_source(
            name, format=kind, escaped=columns.escaped, encoding=columns.encoding
        ).first(columns.limit)
        table = open_table(
            source, columns.question_column, columns.answer_column, columns.questions
        )
        report = _align_table(run, table)
    if report is None:
        return True
    if run.as_json:
        print_json(figures(report, run.output))
    print_report(report)
    if str(run.output) != STANDARD and not run.as_json:
        sys.stdout.write(f"{run.output}\n")
    return not rows_lost(report)


def _align_table(run: Run, table: Table) -> Report | None:
    """Correct the rows of a table; None where it was only asked what would be done."""
    from langchain_metaaligner.files.align import align_file as align_to_file
    from langchain_metaaligner.files.align import ledger_of
    from langchain_metaaligner.files.engines import settings_of
    from langchain_metaaligner.tables.write import check_output

    to_standard = str(run.output) == STANDARD
    if not to_standard:  # before a model is loaded
        check_output(run.output, table.inputs, ledger_of(run.output), run.force)
    aligner, engine = _engine(run)
    settings = settings_of(aligner)
    detail(f"{table.source.name}: question in {table.asked}, draft in {table.answer}.")
    if run.dry_run:
        ledger = None if to_standard else ledger_of(run.output)
        print_json(dry_run_figures(table, aligner, settings, ledger))
        return None
    window = 8 * run.decoding.batch_size * run.machines.replicas
    again = "" if to_standard else "Run the same command to go on from there."
    with counted_rows(table.source.path.name, table.count, again) as advance:
        if to_standard:
            return _to_standard_output(table, engine, settings, window, advance)
        return align_to_file(
            table,
            run.output,
            engine,
            settings,
            window=window,
            force=run.force,
            progress=advance,
        )


def _engine(run: Run) -> tuple[MetaAlignerRunnable, Engine]:
    """The aligner, and what gives it its rows."""
    from langchain_metaaligner.files.engines import LocalEngine
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    llm = _served(run)
    options: dict[str, Any] = {
        "objectives": run.objective,
        "model": run.aligner.model,
        "llm": llm,
        "template": run.aligner.template,
        "model_kwargs": {} if llm is not None else _model_kwargs(run),
        "preserve": run.preserve or (),
    }
    aligner = MetaAlignerRunnable(**options)
    if run.machines.engine != "ray":
        return aligner, LocalEngine(aligner)
    from langchain_metaaligner.files.ray import RayEngine

    return aligner, RayEngine(options, run.machines.replicas, run.decoding.batch_size)


def _served(run: Run) -> Any:
    """The model behind a server; None where there is none."""
    if run.machines.base_url is None:
        return None
    from langchain_metaaligner.files.servers import served

    machines = run.machines
    return served(
        run.aligner.model,
        str(machines.base_url),
        run.decoding.max_new_tokens,
        machines.concurrency,
        machines.timeout,
        machines.retries,
    )


def _model_kwargs(run: Run) -> dict[str, Any]:
    return {
        "device": run.aligner.device,
        "batch_size": run.decoding.batch_size,
        "max_new_tokens": run.decoding.max_new_tokens,
    }


def _to_standard_output(
    table: Table, engine: Engine, settings: dict[str, Any], window: int, progress: Advance
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


def _align_as_research(run: Run) -> None:
    from langchain_metaaligner.files.research import align_as_research, research_template
    from langchain_metaaligner.models.aligner import AlignerLLM
    from langchain_metaaligner.objectives import parse_objectives
    from langchain_metaaligner.templates import EditTemplate

    _refuse_beside_research(run)
    model, template = run.aligner.model, run.aligner.template
    path = Path(run.source)
    by_path = template == "auto"
    edit_template = research_template(model) if by_path else EditTemplate.named(template)
    with counted_rows(path.name, None) as advance:
        rows = align_as_research(
            path,
            run.output,
            _served(run) or AlignerLLM(model=model, **_model_kwargs(run)),
            edit_template,
            parse_objectives(run.objective),
            batch_size=run.decoding.batch_size,
            force=run.force,
            progress=advance,
        )
    say(f"{rows:,} rows.")
    sys.stdout.write(f"{run.output}\n")


def _refuse_beside_research(run: Run) -> None:
    """The research script has no such options, and what it writes would be another file."""
    flags = {"--limit": run.columns.limit, "--dry-run": run.dry_run, "--json": run.as_json}
    given = [flag for flag, value in flags.items() if value]
    if given:
        raise SettingError(
            f"--research-compat does not go with {', '.join(given)}. Leave one of them out."
        )
