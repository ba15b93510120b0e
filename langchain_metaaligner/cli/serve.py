"""``metaaligner serve``: a checkpoint behind HTTP."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from langchain_metaaligner.cli.options import Device, Model, Template
from langchain_metaaligner.errors import SettingError


class Engine(str, Enum):
    """What runs the app."""

    uvicorn = "uvicorn"
    ray = "ray"


def serve(
    model: Model = "mini",
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            help="Of /align requests that name none. Repeatable; else harmless and helpful.",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="What a request may name: named, any, none, or an objective. Repeatable."
        ),
    ] = None,
    template: Template = "auto",
    preserve: Annotated[
        list[str] | None,
        typer.Option(help="What must survive: code, urls, numbers or citations. Repeatable."),
    ] = None,
    device: Device = None,
    dtype: Annotated[
        str | None, typer.Option(help="bfloat16, float16 or float32; by itself the device's.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Answers in one forward pass.")] = 8,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens of an edit.")] = 1024,
    served_name: Annotated[
        str | None, typer.Option(help="What clients call the model; else as --model.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="API keys, one a line; else those in METAALIGNER_API_KEY."),
    ] = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Open the door to other machines without a key.")
    ] = False,
    engine: Annotated[
        Engine, typer.Option(help="uvicorn on this machine, or ray: Ray Serve on a cluster.")
    ] = Engine.uvicorn,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes of uvicorn, each with a model of its own.")
    ] = 1,
    replicas: Annotated[
        int, typer.Option(min=1, help="Replicas of Ray Serve, each with a model of its own.")
    ] = 1,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Ray Serve adds replicas up to so many under load.")
    ] = None,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Answers under way in one process; beyond them, 429.")
    ] = 1024,
    max_batch: Annotated[int, typer.Option(min=1, help="Answers in one request.")] = 64,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of one request.")] = 2**20,
    timeout: Annotated[float, typer.Option(help="Seconds of one request; beyond them, 504.")] = 120,
    grace: Annotated[
        float, typer.Option(help="Seconds that requests under way are given at the end.")
    ] = 30,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log every request, by path and status.")
    ] = False,
) -> None:
    """Serve a checkpoint over HTTP: /align, /align/batch and OpenAI's /v1/completions."""
    from langchain_metaaligner.serve.settings import ServeSettings, read_keys, require_key

    settings = ServeSettings(
        model=model,
        served_name=served_name,
        objectives=objective or ("harmless", "helpful"),
        request_objectives=_allowed(allow),
        template=template,
        preserve=preserve or (),
        model_kwargs={
            "device": device,
            "dtype": dtype,
            "batch_size": batch_size,
            "max_new_tokens": max_new_tokens,
        },
        api_keys=read_keys(api_key_file),
        max_body_bytes=max_body,
        max_batch=max_batch,
        max_waiting=max_waiting,
        timeout=timeout,
        grace=grace,
    )
    require_key(host, settings, without_key)
    if engine is Engine.ray:
        if workers > 1:
            raise SettingError("--workers are uvicorn's. With --engine ray, give --replicas.")
        from langchain_metaaligner.serve.ray import run_replicas

        run_replicas(settings, host, port, replicas, max_replicas, access_log=access_log)
        return
    if replicas > 1 or max_replicas:
        raise SettingError("--replicas are Ray Serve's. Give --engine ray, or --workers.")
    from langchain_metaaligner.serve.server import run_server

    run_server(settings, host, port, workers, access_log)


def _allowed(values: list[str] | None) -> Any:
    words = ("named", "any", "none")
    if not values:
        return "named"
    return values[0] if len(values) == 1 and values[0] in words else tuple(values)
