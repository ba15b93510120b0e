"""``metaaligner generate``: a policy model's answers, for an aligner to correct."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from langchain_metaaligner.cli.options import (
    AsJson,
    BatchSize,
    Device,
    DryRun,
    Limit,
    ResearchCompat,
    key_values,
    one_of,
)
from langchain_metaaligner.cli.terminal import counted_rows, print_json, say
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.files.answering import GenerationReport, Policy

QUERY_SETS = ("hh-rlhf", "ultrafeedback", "imhi", "imhi-completion", "expert")
EXAMPLES = (
    "metaaligner generate --dataset hh-rlhf --input test.csv -o a.csv -m my/policy",
    "metaaligner generate --dataset imhi --input test -o out --llm openai:gpt-4o",
)


@dataclass(frozen=True, kw_only=True)
class LocalPolicy:
    """A model on this machine."""

    heading: ClassVar = "A model on this machine"

    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Base of a LoRA adapter, if not the one it names."),
    ] = None
    device: Device = None
    device_map: Annotated[
        str | None,
        typer.Option(
            metavar="MAP",
            help="auto spreads the model over all devices; instead of --device.",
            autocompletion=one_of("auto"),
        ),
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE",
            help="bfloat16, float16 or float32.",
            autocompletion=one_of("bfloat16", "float16", "float32"),
        ),
    ] = None
    quantization: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="8bit or 4bit (extra quantization).",
            autocompletion=one_of("8bit", "4bit"),
        ),
    ] = None
    batch_size: BatchSize = 8

    def given(self) -> dict[str, str]:
        """The options that say how a local model is held, where they were given."""
        names = ("device", "device_map", "dtype", "quantization", "base")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class RemotePolicy:
    """A model behind a server."""

    heading: ClassVar = "A model behind a server"

    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="An OpenAI-compatible server (/v1) that continues text by --model."
        ),
    ] = None
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm", metavar="NAME", help="A chat model in place of --model: openai:gpt-4o."
        ),
    ] = None
    llm_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="For the chat model. Repeatable."),
    ] = None
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Calls at the same time.")
    ] = 16


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `generate` is asked for."""

    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help=f"{', '.join(QUERY_SETS)}.",
            autocompletion=one_of(*QUERY_SETS),
        ),
    ]
    source: Annotated[
        Path,
        typer.Option(
            "--input", metavar="FILE", help="The CSV file of queries; for IMHI a folder of them."
        ),
    ]
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The CSV file; for IMHI a folder."),
    ]
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="A model: a folder or a Hub id."),
    ] = None
    max_new_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Tokens of an answer. By default the research's."),
    ] = None
    limit: Limit = None
    local: LocalPolicy
    remote: RemotePolicy
    dry_run: DryRun = False
    as_json: AsJson = False
    research_compat: ResearchCompat = False


def generate(run: Run) -> None:
    """Answer the queries of a data set; started again, a stopped run goes on."""
    from langchain_metaaligner.files.answering import generate_answers
    from langchain_metaaligner.files.queries import query_files, query_set

    queries = query_set(run.dataset)
    files = query_files(run.source, queries)  # before a model is loaded
    most = run.max_new_tokens or queries.max_new_tokens
    if (run.model is None) == (run.remote.llm is None):
        raise SettingError("Give either --model, a local or served one, or --llm, a chat model.")
    policy = _policy(run, most)
    if run.dry_run:
        read = {"files": [str(path) for path in files], "max_new_tokens": most}
        print_json({"model": policy.llm_name, **read, "output": str(run.output)})
        return
    again = "Run the same command to go on from there."
    with counted_rows("answering", None, again) as advance:
        report = generate_answers(
            run.dataset,
            run.source,
            run.output,
            policy,
            max_new_tokens=run.max_new_tokens,
            limit=run.limit,
            research_compat=run.research_compat,
            progress=advance,
        )
    _print_report(report)
    if run.as_json:
        print_json(_figures(report, run.output))
    else:
        sys.stdout.write(f"{run.output}\n")
    if report.errors and not report.answered:
        raise typer.Exit(1)


def _policy(run: Run, most: int) -> Policy:
    from langchain_metaaligner.files.answering import Policy

    local, remote = run.local.given(), run.remote
    if run.model is None or remote.base_url is not None:
        _refuse_local_options(local, remote.base_url, run.model)
    if remote.llm is not None:
        options = key_values("--llm-option", remote.llm_option)
        return _chat_policy(remote.llm, options, remote.concurrency)
    if remote.base_url is not None:
        from langchain_metaaligner.files.servers import served

        answers = served(str(run.model), remote.base_url, most, retries=0)
        return Policy(answers, str(run.model), concurrency=remote.concurrency)
    return _local_policy(str(run.model), local, run.local.batch_size, most)


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


def _print_report(report: GenerationReport) -> None:
    say(
        f"{report.answered:,} answered, {report.reused:,} of them known; {report.empty:,} without "
        f"a query; {sum(report.errors.values()):,} errors."
    )
    for kind, count in report.errors.items():
        say(f"{count:,} times {report.reasons[kind]}")
    if report.errors:
        say("Run the same command to try them again, once that is mended.")
    for kind, count in report.problems.counts.items():
        first = next(problem for problem in report.problems.all if problem.kind == kind)
        say(
            f"{count:,} times {kind}, first in line {first.line} of {first.source}: {first.detail}."
        )


def _figures(report: GenerationReport, output: Path) -> dict[str, Any]:
    names = ("answered", "reused", "empty", "errors", "reasons")
    counts = {name: getattr(report, name) for name in names}
    return {"output": str(output), **counts, "problems": dict(report.problems.counts)}
