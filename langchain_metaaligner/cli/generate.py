"""``metaaligner generate``: a policy model's answers, for an aligner to correct."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from langchain_metaaligner.cli.options import key_values
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel


def generate(
    dataset: Annotated[
        str,
        typer.Option("--dataset", help="hh-rlhf, ultrafeedback, imhi, imhi-completion, expert."),
    ],
    source: Annotated[
        Path, typer.Option("--input", help="The CSV file of queries; for IMHI a folder of them.")
    ],
    output: Annotated[Path, typer.Option("--output", help="The CSV file; for IMHI a folder.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A local model: a folder or a Hub id.")
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", help="A chat model instead, such as openai:gpt-4o.")
    ] = None,
    llm_option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the chat model. Repeatable.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Base model of a LoRA adapter, if not the one it names.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where a local model runs.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts in one forward pass.")] = 8,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of an answer; else the research's.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows of each file.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Rows under way at once.")] = 16,
    research_compat: Annotated[
        bool, typer.Option("--research-compat", help="The research's columns and dialect.")
    ] = False,
) -> None:
    """Answer the queries of a data set; started again, a stopped run goes on."""
    from langchain_metaaligner.files.answering import generate_answers, query_set

    queries = query_set(dataset)
    if (model is None) == (llm is None):
        raise SettingError("Give either --model, a local one, or --llm, a chat model.")
    prefix = ""
    policy: BaseLanguageModel[Any]
    if model is not None:
        from langchain_metaaligner.models.policy import load_policy
        from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata

        most = max_new_tokens or queries.max_new_tokens
        policy = load_policy(
            model, device=device, batch_size=batch_size, max_new_tokens=most, base=base
        )
        if Path(model).is_dir() or model == "mini":
            prefix = read_metadata(CheckpointSpec(model=model)).get("prompt_prefix", "")
    else:
        from langchain_metaaligner.evaluation.judge.ask import chat_model

        policy = chat_model(str(llm), **key_values("--llm-option", llm_option))
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        report = generate_answers(
            dataset,
            source,
            output,
            policy,
            llm_name=str(model or llm),
            prefix=prefix,
            max_new_tokens=max_new_tokens,
            limit=limit,
            concurrency=concurrency,
            research_compat=research_compat,
            progress=lambda rows: bar.advance(task, rows),
        )
    sys.stderr.write(
        f"{report.answered:,} answered, {report.reused:,} of them known; {report.empty:,} without "
        f"a query; {sum(report.errors.values()):,} errors"
        + (f" ({', '.join(report.errors)}); run again to try them again" if report.errors else "")
        + ".\n"
    )
    sys.stdout.write(f"{output}\n")
