"""What ``metaaligner align-file`` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from langchain_metaaligner.cli.options import (
    AlignerOptions,
    AsJson,
    BatchSize,
    DryRun,
    Escaped,
    Force,
    Limit,
    Objectives,
    OutputFile,
    Preserve,
    QuestionColumn,
    ResearchCompat,
    one_of,
)

ENGINES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How the aligner's edits are decoded on this machine."""

    heading: ClassVar = "Aligner"

    batch_size: BatchSize = 8
    max_new_tokens: Annotated[
        int, typer.Option(metavar="N", min=1, help="Tokens that an edit may take.")
    ] = 1024


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How the input is read."""

    heading: ClassVar = "Input"

    question_column: QuestionColumn = None
    answer_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of drafts. By default found by its name."),
    ] = None
    questions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file whose query column is joined by row (IMHI test sets)."
        ),
    ] = None
    limit: Limit = None
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a text file, such as cp1252. By default UTF-8."),
    ] = None
    input_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="csv, tsv, json, jsonl or parquet, where the input's name does not say.",
            autocompletion=one_of("csv", "tsv", "json", "jsonl", "parquet"),
        ),
    ] = None
    escaped: Escaped = False


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Which machines do the work."""

    heading: ClassVar = "More machines"

    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="local, or ray for a Ray cluster.",
            autocompletion=one_of(*ENGINES),
        ),
    ] = "local"
    replicas: Annotated[
        int, typer.Option(metavar="N", min=1, help="Copies of the model, with ray.")
    ] = 1
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An OpenAI-compatible server (/v1) of the model."),
    ] = None
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Requests to it at the same time.")
    ] = 16
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="What one request to it may take.")
    ] = 120.0
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="Times that a request is repeated.")
    ] = 6


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `align_file` is asked for."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A CSV, TSV, JSON, JSONL or Parquet file, a folder of them, a Hub data set, or -.",
        ),
    ]
    output: OutputFile
    objective: Objectives
    preserve: Preserve = None
    columns: Columns
    aligner: AlignerOptions
    decoding: Decoding
    machines: Machines
    force: Force = False
    dry_run: DryRun = False
    as_json: AsJson = False
    research_compat: ResearchCompat = False
