"""A checkpoint behind HTTP, for many apps: ``metaaligner serve``. Needs the extra ``serve``.

`create_app` makes the FastAPI app, `ServeSettings` says how. The app answers ``/align``,
``/align/batch`` and OpenAI's ``/v1/completions``; requests that come at the same time share their
forward passes. `run_server` serves it by uvicorn, `langchain_metaaligner.serve.ray` by Ray Serve.
"""

from langchain_metaaligner.serve.app import create_app
from langchain_metaaligner.serve.server import run_server
from langchain_metaaligner.serve.settings import ServeSettings

__all__ = ["ServeSettings", "create_app", "run_server"]
