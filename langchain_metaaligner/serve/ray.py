"""Serving by Ray Serve: replicas on one machine or a cluster. Needs the extra ``serve-ray``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from fastapi import FastAPI

from langchain_metaaligner.errors import CheckpointError, MissingExtraError, SettingError
from langchain_metaaligner.serve.app import create_app
from langchain_metaaligner.serve.settings import ServeSettings

try:
    import ray
    from ray import serve
    from ray.serve.config import AutoscalingConfig, HTTPOptions
    from ray.serve.schema import LoggingConfig
except ImportError as missing:
    raise MissingExtraError("A server on Ray", "serve-ray") from missing

NAME = "metaaligner"
"""What Ray calls the application, the deployment, and its metrics."""

UNDER_LOAD = 32
"""Requests under way on a replica beyond which Ray Serve adds another."""


def deployment(
    settings: ServeSettings,
    replicas: int = 1,
    max_replicas: int | None = None,
    gpus: float | None = None,
) -> serve.Application:
    """The app as a Ray Serve application, for ``serve.run`` or a config file of Ray's own.

    Every replica has a model of its own, over which its requests share their forward passes. Ray
    starts a replica again that dies, and sends it requests once its model is loaded.

    Args:
        settings: how each replica serves.
        replicas: how many there are, or the fewest with ``max_replicas``.
        max_replicas: how many Ray may make of them under load.
        gpus: GPUs of a replica; by itself one where Ray sees any, else a core.

    Raises:
        SettingError: if there may be fewer replicas than there are.
    """
    if max_replicas is not None and max_replicas < replicas:
        raise SettingError(f"max_replicas={max_replicas} is less than replicas={replicas}.")

    def build() -> FastAPI:
        return create_app(settings)

    if gpus is None:
        seen = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
        gpus = 1.0 if seen else 0.0
    number: dict[str, Any] = {"num_replicas": replicas}
    if max_replicas is not None:
        number = {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=replicas,
                max_replicas=max_replicas,
                target_ongoing_requests=UNDER_LOAD,
            )
        }
    replica = serve.deployment(
        name=NAME,
        ray_actor_options={"num_gpus": gpus} if gpus else {"num_cpus": 1},
        max_ongoing_requests=settings.max_waiting,
        graceful_shutdown_timeout_s=settings.grace,
        health_check_timeout_s=60,
        **number,
    )
    return replica(serve.ingress(build)()).bind()


def run_replicas(
    settings: ServeSettings,
    host: str = "127.0.0.1",
    port: int = 8000,
    replicas: int = 1,
    max_replicas: int | None = None,
    *,
    access_log: bool = False,
) -> None:
    """Serve until the process is told to end (SIGTERM, Ctrl-C).

    It joins the cluster that ``RAY_ADDRESS`` names, or else starts Ray on this machine.

    Args:
        settings: how each replica serves.
        host: the address to listen at.
        port: the port.
        replicas: how many there are, or the fewest with ``max_replicas``.
        max_replicas: how many Ray may make of them under load.
        access_log: whether every request is logged, by path and status.

    Raises:
        SettingError: if a setting cannot be used.
        CheckpointError: if no replica could start.
    """
    if not port:
        raise SettingError("Ray Serve needs a port that is named: --port 8000.")
    joined = ray.is_initialized() or "RAY_ADDRESS" in os.environ
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # after Ray has set its own, which aborts three seconds after a SIGTERM
        signal.signal(number, lambda *_: over.set())
    try:
        serve.start(
            http_options=HTTPOptions(
                host=host,
                port=port,
                request_timeout_s=settings.timeout + settings.grace,
            ),
            logging_config=LoggingConfig(enable_access_log=access_log),
        )
        try:
            serve.run(deployment(settings, replicas, max_replicas), name=NAME, route_prefix="/")
        except RuntimeError as error:
            raise CheckpointError(f"No replica could start: {error}") from error
        door = "an API key is asked for" if settings.api_keys else "no API key is asked for"
        sys.stderr.write(f"{settings.name} at http://{host}:{port}, by Ray Serve ({door})\n")
        sys.stderr.flush()
        over.wait()
    finally:
        if joined:
            serve.delete(NAME)  # and not what others serve on the cluster
        else:
            serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()
