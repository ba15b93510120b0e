"""``metaaligner serve``: a checkpoint behind HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from langchain_metaaligner.cli.options import AlignerOptions, BatchSize, Preserve, one_of
from langchain_metaaligner.errors import SettingError, nearest
from langchain_metaaligner.objectives import KNOWN

if TYPE_CHECKING:
    from langchain_metaaligner.serve.settings import ServeSettings

EXAMPLES = (
    "metaaligner serve --objective harmless --objective helpful",
    "METAALIGNER_API_KEY=… metaaligner serve --host 0.0.0.0 --model ./my-aligner",
    "metaaligner serve --engine ray --replicas 2 --max-replicas 8",
)

ENGINES = ("uvicorn", "ray")
"""What can run the app."""


@dataclass(frozen=True, kw_only=True)
class DoorOptions:
    """Where clients come in, and with which key."""

    heading: ClassVar = "Address"

    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen at.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="API keys, one a line; else METAALIGNER_API_KEY."),
    ] = None
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Let other machines in without a key.")
    ] = False
    served_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What clients call the model; else as --model."),
    ] = None
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log every request, by path and status.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """How much a client may ask for."""

    heading: ClassVar = "Limits"

    max_waiting: Annotated[
        int, typer.Option(metavar="N", min=1, help="Answers under way in a process; then 429.")
    ] = 1024
    max_batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Answers in one request; beyond them 413.")
    ] = 64
    max_body: Annotated[
        int, typer.Option(metavar="BYTES", min=1, help="Size of a request; beyond it 413.")
    ] = 2**20
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Time of a request. Then drafts stand, completions fail."
        ),
    ] = 120.0
    grace: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time that requests have at the end.")
    ] = 30.0
    max_new_tokens: Annotated[
        int, typer.Option(metavar="N", min=1, help="Tokens that an edit may have.")
    ] = 1024


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What runs the app, and how often."""

    heading: ClassVar = "Processes"

    engine: Annotated[
        str,
        typer.Option(
            metavar="ENGINE",
            help="uvicorn on this machine, or ray: Ray Serve, also on a cluster.",
            autocompletion=one_of(*ENGINES),
        ),
    ] = "uvicorn"
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes of uvicorn, each with its model.")
    ] = 1
    replicas: Annotated[
        int, typer.Option(metavar="N", min=1, help="Replicas of Ray Serve, each with its model.")
    ] = 1
    max_replicas: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="As many may there be under load.")
    ] = None
    batch_size: BatchSize = 8
    dtype: Annotated[
        str | None,
        typer.Option(metavar="DTYPE", help="bfloat16, float16 or float32; else the device's."),
    ] = None


def serve(
    aligner: AlignerOptions,
    door: DoorOptions,
    limits: LimitOptions,
    engine: EngineOptions,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-O",
            metavar="NAME",
            help="Of requests that name none. Repeatable. By default harmless and helpful.",
            autocompletion=one_of(*KNOWN),
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="What a request may name: named, any, none, or objectives. Repeatable.",
            autocompletion=one_of("named", "any", "none", *KNOWN),
        ),
    ] = None,
    preserve: Preserve = None,
) -> None:
    """Serve a checkpoint over HTTP, for many apps.

    Clients post drafts to /align and /align/batch, or prompts to /v1/completions as OpenAI has it.
    Ctrl-C and SIGTERM end it once the requests under way are answered.
    """
    from langchain_metaaligner.serve.settings import require_key

    if engine.engine not in ENGINES:
        raise SettingError(
            f"--engine {engine.engine!r} is unknown.{nearest(engine.engine, ENGINES)} "
            f"Give one of: {', '.join(ENGINES)}."
        )
    settings = _settings(aligner, door, limits, engine, objective, allow, preserve)
    require_key(door.host, settings, door.without_key)
    if engine.engine == "ray":
        _serve_by_ray(settings, door, engine)
    else:
        _serve_by_uvicorn(settings, door, engine)


def _settings(
    aligner: AlignerOptions,
    door: DoorOptions,
    limits: LimitOptions,
    engine: EngineOptions,
    objective: list[str] | None,
    allow: list[str] | None,
    preserve: list[str] | None,
) -> ServeSettings:
    from langchain_metaaligner.serve.settings import ServeSettings, read_keys

    return ServeSettings(
        model=aligner.model,
        served_name=door.served_name,
        objectives=objective or ("harmless", "helpful"),
        request_objectives=_allowed(allow),
        template=aligner.template,
        preserve=preserve or (),
        model_kwargs={
            "device": aligner.device,
            "dtype": engine.dtype,
            "batch_size": engine.batch_size,
            "max_new_tokens": limits.max_new_tokens,
        },
        api_keys=read_keys(door.api_key_file),
        max_body_bytes=limits.max_body,
        max_batch=limits.max_batch,
        max_waiting=limits.max_waiting,
        timeout=limits.timeout,
        grace=limits.grace,
    )


def _serve_by_uvicorn(settings: ServeSettings, door: DoorOptions, engine: EngineOptions) -> None:
    from langchain_metaaligner.serve.server import run_server

    if engine.replicas > 1 or engine.max_replicas:
        raise SettingError("--replicas are Ray Serve's. Give --engine ray, or --workers.")
    run_server(settings, door.host, door.port, engine.workers, door.access_log)


def _serve_by_ray(settings: ServeSettings, door: DoorOptions, engine: EngineOptions) -> None:
    if engine.workers > 1:
        raise SettingError("--workers are uvicorn's. With --engine ray, give --replicas.")
    from langchain_metaaligner.serve.ray import run_replicas

    run_replicas(
        settings,
        door.host,
        door.port,
        engine.replicas,
        engine.max_replicas,
        access_log=door.access_log,
    )


def _allowed(values: list[str] | None) -> Any:
    words = ("named", "any", "none")
    if not values:
        return "named"
    return values[0] if len(values) == 1 and values[0] in words else tuple(values)
