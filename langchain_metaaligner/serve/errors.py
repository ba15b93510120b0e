"""Errors as HTTP responses, in the form that OpenAI's clients read."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from langchain_metaaligner.errors import (
    CheckpointError,
    EditRejectedError,
    MetaAlignerError,
    MissingExtraError,
    MissingQuestionError,
)

_log = logging.getLogger("langchain_metaaligner.serve")

TRY_AGAIN = (429, 503, 504)
"""Statuses by which the same request can succeed another time."""


class AsciiJSONResponse(JSONResponse):
    """JSON with escapes beyond ASCII: a draft may hold lone surrogates, which UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


class RequestError(Exception):
    """A request that is not answered.

    Args:
        status: the HTTP status.
        message: what was given, what is allowed, what to do next.
        code: one word for programs.
        parameter: the field at fault, if it is one.
    """

    def __init__(
        self, status: int, message: str, code: str | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.parameter = parameter

    @property
    def body(self) -> dict[str, Any]:
        """The error as it goes into a response."""
        return {
            "message": str(self),
            "type": _TYPES.get(self.status, "invalid_request_error"),
            "param": self.parameter,
            "code": self.code,
            "retryable": self.status in TRY_AGAIN,
        }

    @staticmethod
    def of(error: BaseException) -> RequestError:
        """The request error that any other comes to. What nobody expected tells nothing inside."""
        if isinstance(error, RequestError):
            return error
        if isinstance(error, EditRejectedError):
            return RequestError(422, str(error), "edit_rejected")
        if isinstance(error, CheckpointError | MissingExtraError):
            return RequestError(503, str(error), "model_unavailable")
        if isinstance(error, MissingQuestionError):
            return RequestError(
                400, "question is blank. Say what was asked.", "missing_question", "question"
            )
        if isinstance(error, MetaAlignerError):
            return RequestError(400, str(error), _code(error))
        _log.error("A request failed.", exc_info=error)
        return RequestError(500, "The server failed; its log says how.", "internal_error")


_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "timeout_error",
}


def _code(error: MetaAlignerError) -> str:
    return type(error).__name__.removesuffix("Error").lower()


def error_response(error: RequestError) -> AsciiJSONResponse:
    """The response that tells of an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.status in (429, 503):
        headers["Retry-After"] = "1"
    return AsciiJSONResponse({"error": error.body}, error.status, headers)


def handle_errors(app: FastAPI) -> None:
    """Let an app tell of all errors in this form."""

    async def known(request: Request, error: Exception) -> AsciiJSONResponse:
        return error_response(RequestError.of(error))

    async def invalid(request: Request, error: Exception) -> AsciiJSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_response(_invalid(error))

    async def http(request: Request, error: Exception) -> AsciiJSONResponse:
        assert isinstance(error, HTTPException)
        missed = error.status_code in (404, 405)
        where = f"{request.method} {request.url.path}: " if missed else ""
        return error_response(RequestError(error.status_code, f"{where}{error.detail}"))

    app.add_exception_handler(RequestError, known)
    app.add_exception_handler(MetaAlignerError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, known)


def _invalid(error: RequestValidationError) -> RequestError:
    """One sentence on the first thing that is wrong with a body."""
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"] if part != "body"]
    where = ".".join(path) or "The body"
    if problem["type"] == "json_invalid":
        what = problem.get("ctx", {}).get("error", "it ends too early")
        return RequestError(400, f"The body is no JSON: {what}.", "invalid_json")
    if problem["type"] == "model_attributes_type" and not path:
        message = "The body must be a JSON object, sent as Content-Type: application/json."
        return RequestError(400, message, "invalid_json")
    if problem["type"] == "missing" and not path:
        return RequestError(400, "The body is empty. Send JSON.", "missing")
    if problem["type"] == "missing":
        return RequestError(400, f"{where} is missing.", "missing", where)
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, MetaAlignerError):
        return RequestError(400, str(cause), "invalid_value", ".".join(path) or None)
    return RequestError(400, f"{where}: {problem['msg']}.", "invalid_value", where)
