"""What stands before the routes: the API key, the size of bodies, and the count of requests.

They are plain ASGI: Starlette's ``BaseHTTPMiddleware`` hides from a route that its client has gone.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_metaaligner.serve.errors import RequestError, error_response
from langchain_metaaligner.serve.metrics import Metrics

OPEN = frozenset({"/health", "/ready", "/metrics"})
"""Paths that need no key: they tell nothing of any text."""


class KeyGuard:
    """Lets requests in that bring one of the keys, as OpenAI's clients do or in ``X-API-Key``.

    Args:
        app: what is guarded.
        keys: any of them will do; none: every request is let in.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[bytes]) -> None:
        self.app = app
        self._keys = list(keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer 401."""
        guarded = scope["type"] == "http" and scope["path"] not in OPEN
        if not guarded or not self._keys or self._is_known(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        message = (
            "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY', as OpenAI's "
            "clients do with api_key=, or as 'X-API-Key: KEY'."
        )
        refusal = error_response(RequestError(401, message, "invalid_api_key"))
        await refusal(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # all keys are compared, each in constant time: how long it takes tells nothing of them
        alike = [hmac.compare_digest(sent.encode("latin-1"), key) for key in self._keys]
        return any(alike)


class BodyLimit:
    """Refuses bodies that are too large, by their length as told and as it comes.

    Args:
        app: what reads the bodies.
        most: bytes that a body may have.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self.most:
            await error_response(self._too_large())(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.most:
                # the one kind of error that FastAPI lets through while it reads a body
                raise HTTPException(413, str(self._too_large()))
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"The body has more than {self.most:,} bytes, the most that this server takes. "
            "Send fewer answers in a request.",
            "body_too_large",
        )


class Counted:
    """Counts requests by path and status, and times them.

    Args:
        app: what answers.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.request(scope["path"], status, seconds)
