"""``/health``, ``/ready`` and ``/metrics``, for whoever watches over the server."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from langchain_metaaligner.serve.errors import AsciiJSONResponse, RequestError
from langchain_metaaligner.serve.service import Service


def health_routes(service: Service) -> APIRouter:
    """The routes of one server."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> AsciiJSONResponse:
        """Whether the process lives: for liveness probes."""
        return AsciiJSONResponse({"status": "ok"})

    @routes.get("/ready")
    async def ready() -> AsciiJSONResponse:
        """Whether the model is loaded and has made an edit: for readiness probes."""
        if not service.ready:
            raise RequestError(503, "The model is being loaded. Try again soon.", "not_ready")
        return AsciiJSONResponse({"status": "ready", "model": service.settings.name})

    @routes.get("/metrics")
    async def metrics() -> Response:
        """The counts, in Prometheus' text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
