"""``/align`` and ``/align/batch``: drafts in, corrected answers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, Field

from langchain_metaaligner.edit.record import Alignment, Decision
from langchain_metaaligner.serve.bodies import Body, Text
from langchain_metaaligner.serve.errors import AsciiJSONResponse, RequestError
from langchain_metaaligner.serve.places import while_wanted
from langchain_metaaligner.serve.service import Service

LONGEST_LIST = 1000
"""Turns of a dialogue, or objectives, of one answer."""


class Turn(Body):
    """A turn of the dialogue that led to an answer."""

    role: Literal["system", "user", "human", "assistant", "ai"]
    content: str


class AlignRequest(Body):
    """An answer to correct."""

    question: Text | Annotated[list[Turn], Field(min_length=1, max_length=LONGEST_LIST)] = Field(
        description="What was asked, or the turns that led to the answer."
    )
    answer: Text = Field(description="The draft.")
    objectives: Annotated[list[Text], Field(max_length=LONGEST_LIST)] | None = Field(
        None, description="Those of this request, instead of the server's own."
    )


class BatchRequest(Body):
    """Answers to correct together."""

    items: list[AlignRequest] = Field(min_length=1)


class AlignResponse(BaseModel):
    """What became of an answer; see `Alignment` for the fields."""

    text: str
    decision: Decision
    reason: str | None
    detail: str | None
    objectives: list[str]
    model: str
    template: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None


class FailedItem(BaseModel):
    """An answer of a batch that was not corrected, for a mistake in its request."""

    error: dict[str, Any]


class BatchResponse(BaseModel):
    """What became of each answer, in the order of the request."""

    items: list[AlignResponse | FailedItem]


def align_routes(service: Service) -> APIRouter:
    """The routes, over one model."""
    routes = APIRouter(tags=["align"])

    async def align_all(request: Request, items: Sequence[AlignRequest]) -> list[Any]:
        with service.places.taken(len(items)):
            settings = service.settings
            latest = settings.timeout + settings.grace  # the drafts have stood since `timeout`
            return await while_wanted(request, _aligned(service, items), latest)

    @routes.post("/align", response_model=AlignResponse)
    async def align(request: Request, body: AlignRequest) -> AsciiJSONResponse:
        """Correct one answer."""
        [outcome] = await align_all(request, [body])
        if isinstance(outcome, Exception):
            raise RequestError.of(outcome)
        return AsciiJSONResponse(_shown(outcome))

    @routes.post("/align/batch", response_model=BatchResponse)
    async def align_batch(request: Request, body: BatchRequest) -> AsciiJSONResponse:
        """Correct several answers; a mistake in one costs that one alone."""
        if len(body.items) > service.settings.max_batch:
            raise RequestError(
                413,
                f"The request has {len(body.items)} items; one may have at most "
                f"{service.settings.max_batch}. Send them in several requests.",
                "batch_too_large",
                "items",
            )
        outcomes = await align_all(request, body.items)
        return AsciiJSONResponse({"items": [_shown_or_error(one) for one in outcomes]})

    return routes


async def _aligned(service: Service, items: Sequence[AlignRequest]) -> list[Any]:
    """The record of each answer, or the error in its place."""
    pairs = [(_question(item), item.answer) for item in items]
    configs = [_config(item) for item in items]
    outcomes: list[Any] = list(
        await service.aligner.aalign_batch(pairs, configs, return_exceptions=True)
    )
    service.metrics.answers(one for one in outcomes if isinstance(one, Alignment))
    return outcomes


def _question(item: AlignRequest) -> Any:
    if isinstance(item.question, str):
        return item.question
    return [(turn.role, turn.content) for turn in item.question]


def _config(item: AlignRequest) -> RunnableConfig:
    if item.objectives is None:
        return {}
    return {"configurable": {"objectives": item.objectives}}


def _shown(alignment: Alignment) -> dict[str, Any]:
    """The record without what the client has sent, and without edits that were refused."""
    record = alignment.record()
    return {name: record[name] for name in AlignResponse.model_fields}


def _shown_or_error(outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, Exception):
        return {"error": RequestError.of(outcome).body}
    return _shown(outcome)
