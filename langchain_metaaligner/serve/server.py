"""Serving by uvicorn: one process, or several that share a port."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from types import FrameType
from typing import Any

from langchain_metaaligner.errors import CheckpointError, MissingExtraError, SettingError
from langchain_metaaligner.serve.settings import ServeSettings

try:
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    from langchain_metaaligner.serve.app import create_app
    from langchain_metaaligner.serve.metrics import FOLDER_VARIABLE
except ImportError as missing:
    raise MissingExtraError("A server", "serve") from missing

WORKER_ANSWERS_WITHIN = 15
"""Seconds in which a worker process must show that it lives, or else is replaced."""


def run_server(
    settings: ServeSettings,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    access_log: bool = False,
) -> None:
    """Serve until the process is told to end (SIGTERM, Ctrl-C).

    Then no connection is taken any more, and requests under way are given ``settings.grace``
    seconds. A worker process that dies is replaced.

    Args:
        settings: how to serve.
        host: the address to listen at.
        port: the port; 0 takes one that is free.
        workers: processes, each with a model of its own.
        access_log: whether every request is logged, by path and status.

    Raises:
        MetaAlignerError: if a setting cannot be used, the port is taken, or the model cannot be
            loaded.
    """
    listener = _listener(host, port)
    with listener:
        if workers == 1:
            _serve_here(settings, listener, access_log)
        else:
            _serve_by_workers(settings, listener, workers, access_log)


def _serve_here(settings: ServeSettings, listener: socket.socket, access_log: bool) -> None:
    app = create_app(settings)
    app.state.service.load()  # a model that cannot be loaded is an error before the door opens
    _tell(settings, listener)
    config = uvicorn.Config(app, **_options(settings, access_log))
    # uvicorn ends by the signal that it was sent, once all is done: that is a good end
    signal.signal(signal.SIGTERM, _end_well)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # Ctrl-C, after the same
        return


def _serve_by_workers(
    settings: ServeSettings, listener: socket.socket, workers: int, access_log: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="metaaligner-serve-") as counts:
        os.environ.update(settings.to_environment(), **{FOLDER_VARIABLE: counts})
        _tell(settings, listener)
        config = uvicorn.Config(
            "langchain_metaaligner.serve.app:app_of_worker",
            factory=True,
            workers=workers,
            timeout_worker_healthcheck=WORKER_ANSWERS_WITHIN,
            **_options(settings, access_log),
        )
        supervisor = Multiprocess(config, sockets=[listener])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise CheckpointError("No worker could start; what stands above says why.")


def _options(settings: ServeSettings, access_log: bool) -> dict[str, Any]:
    return {
        "access_log": access_log,
        "server_header": False,
        "timeout_graceful_shutdown": round(settings.grace),
        "lifespan": "on",
        "log_level": "info",
    }


def _listener(host: str, port: int) -> socket.socket:
    """The socket that clients come to."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingError(f"Host {host!r} cannot be listened at: {error}.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise SettingError(
            f"Port {port} of {host} cannot be taken: {error.strerror}. Choose another by --port."
        ) from error
    listener.set_inheritable(True)
    return listener


def _tell(settings: ServeSettings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host
    door = "an API key is asked for" if settings.api_keys else "no API key is asked for"
    sys.stderr.write(f"{settings.name} at http://{address}:{port} ({door})\n")
    sys.stderr.flush()


def _end_well(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
