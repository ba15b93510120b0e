"""The FastAPI app: `create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from langchain_core.runnables.config import run_in_executor

from langchain_metaaligner.errors import MissingExtraError
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.serve.settings import ServeSettings

try:
    from fastapi import FastAPI

    from langchain_metaaligner.serve.align import align_routes
    from langchain_metaaligner.serve.completions import completion_routes
    from langchain_metaaligner.serve.errors import handle_errors
    from langchain_metaaligner.serve.guards import BodyLimit, Counted, KeyGuard
    from langchain_metaaligner.serve.health import health_routes
    from langchain_metaaligner.serve.service import Service
except ImportError as missing:
    raise MissingExtraError("A server", "serve") from missing


def create_app(settings: ServeSettings | None = None, llm: EditingLLM | None = None) -> FastAPI:
    """The app over one checkpoint, for any ASGI server.

    The weights are read when the server starts, and ``/ready`` answers 200 once an edit was made.

    Args:
        settings: how it serves; by itself the bundled mini, on "harmless" and "helpful".
        llm: a model to use instead of ``settings.model``, such as
            `langchain_metaaligner.testing.FakeAlignerLLM`.

    Returns:
        The app; ``app.state.service`` is the model behind it.

    Raises:
        MetaAlignerError: if a setting cannot be used, or there is no such model.
    """
    settings = settings or ServeSettings()
    service = Service(settings, llm)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_executor(None, service.load)
        yield

    app = FastAPI(
        title="MetaAligner",
        version=version("langchain-metaaligner"),
        summary="Corrects answers of language models, on objectives that you name.",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    handle_errors(app)
    for routes in (health_routes, align_routes, completion_routes):
        app.include_router(routes(service))
    app.add_middleware(BodyLimit, most=settings.max_body_bytes)
    app.add_middleware(KeyGuard, keys=settings.keys())
    app.add_middleware(Counted, metrics=service.metrics)  # the last one added comes first
    return app


def app_of_worker() -> FastAPI:
    """The app of a worker process, by the settings in its environment."""
    return create_app(ServeSettings.from_environment())
