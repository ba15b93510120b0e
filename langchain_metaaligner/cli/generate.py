"""``metaaligner generate``: a policy model's answers, for an aligner to correct."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from langchain_metaaligner.cli.options import Device, key_values
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.files.answering import GenerationReport, Policy


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
    device: Device = None,
    device_map: Annotated[
        str | None,
        typer.Option(help="auto spreads a local model over all devices; instead of --device."),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="bfloat16, float16 or float32, of a local model.")
    ] = None,
    quantization: Annotated[
        str | None, typer.Option(help="8bit or 4bit, of a local model (extra quantization).")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="An OpenAI-compatible server (/v1) that continues raw text by --model."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts in one forward pass.")] = 8,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of an answer; else the research's.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows of each file.")] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Calls of a served or chat model at the same time.")
    ] = 16,
    research_compat: Annotated[
        bool, typer.Option("--research-compat", help="The research's columns and dialect.")
    ] = False,
) -> None:
    """Answer the queries of a data set; started again, a stopped run goes on."""
    from langchain_metaaligner.files.answering import Policy, generate_answers
    from langchain_metaaligner.files.queries import query_files, query_set

    queries = query_set(dataset)
    query_files(source, queries)  # before a model is loaded
    most = max_new_tokens or queries.max_new_tokens
    if (model is None) == (llm is None):
        raise SettingError("Give either --model, a local or served one, or --llm, a chat model.")
    holding = {
        "device": device,
        "device_map": device_map,
        "dtype": dtype,
        "quantization": quantization,
        "base": base,
    }
    local = {name: value for name, value in holding.items() if value is not None}
    if model is None or base_url is not None:
        _refuse_local_options(local, base_url, model)
    if llm is not None:
        policy = _chat_policy(llm, key_values("--llm-option", llm_option), concurrency)
    elif base_url is not None:
        from langchain_metaaligner.files.servers import served

        answers = served(str(model), base_url, most, retries=0)
        policy = Policy(answers, str(model), concurrency=concurrency)
    else:
        policy = _local_policy(str(model), local, batch_size, most)
    done = 0
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            bar.advance(task, rows)

        with stopped_with(
            lambda: f"{done:,} rows were done. Run the same command to go on from there."
        ):
            report = generate_answers(
                dataset,
                source,
                output,
                policy,
                max_new_tokens=max_new_tokens,
                limit=limit,
                research_compat=research_compat,
                progress=advance,
            )
    _tell(report)
    sys.stdout.write(f"{output}\n")
    if report.errors and not report.answered:
        raise typer.Exit(1)


def _refuse_local_options(local: dict[str, str], base_url: str | None, model: str | None) -> None:
    if base_url is not None and model is None:
        raise SettingError(
            "--base-url names the server of --model. Give --model, the name that the model has "
            "there; for a chat model give its server by --llm-option base_url=URL."
        )
    if local:
        options = ", ".join("--" + name.replace("_", "-") for name in local)
        raise SettingError(
            f"{options} {'is' if len(local) == 1 else 'are'} for a model on this machine: a server "
            "decides by itself. Leave them out."
        )


def _chat_policy(name: str, options: dict[str, Any], concurrency: int) -> Policy:
    from langchain_metaaligner.files.answering import Policy
    from langchain_metaaligner.files.calls import answer_options, chat_model

    settings = {"options": answer_options(options)}
    return Policy(chat_model(name, **options), name, settings, concurrency=concurrency)


def _local_policy(model: str, local: dict[str, str], batch_size: int, most: int) -> Policy:
    from langchain_metaaligner.files.answering import Policy
    from langchain_metaaligner.files.engines import weights_digest
    from langchain_metaaligner.models.policy import load_policy, prompt_prefix

    settings: dict[str, Any] = {name: local[name] for name in local if name != "device"}
    for name, source in (("weights", model), ("base_weights", local.get("base", ""))):
        if source and Path(source).is_dir():
            settings[name] = weights_digest(Path(source))
    llm = load_policy(model, batch_size=batch_size, max_new_tokens=most, **local)
    return Policy(llm, model, settings, prompt_prefix(model))


def _tell(report: GenerationReport) -> None:
    sys.stderr.write(
        f"{report.answered:,} answered, {report.reused:,} of them known; {report.empty:,} without "
        f"a query; {sum(report.errors.values()):,} errors.\n"
    )
    for kind, count in report.errors.items():
        sys.stderr.write(f"{count:,} times {report.reasons[kind]}\n")
    if report.errors:
        sys.stderr.write("Run the same command to try them again, once that is mended.\n")
    for kind, count in report.problems.counts.items():
        first = next(problem for problem in report.problems.all if problem.kind == kind)
        sys.stderr.write(
            f"{count:,} times {kind}, first in line {first.line} of {first.source}: "
            f"{first.detail}.\n"
        )
