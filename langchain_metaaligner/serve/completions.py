"""``/v1/completions`` and ``/v1/models``, as OpenAI has them.

What clients send are edit prompts, ready made. The draft in each is found by the checkpoint's
template, so that an edit is made as `MetaAlignerRunnable` has it made: with guesses from the
draft, and with the checkpoint's own caution.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from langchain_metaaligner.edit.question import EDITING_TAG
from langchain_metaaligner.serve.completion_request import CompletionRequest
from langchain_metaaligner.serve.completion_stream import EventStream, streamed
from langchain_metaaligner.serve.drafts import drafts_in
from langchain_metaaligner.serve.errors import AsciiJSONResponse, RequestError
from langchain_metaaligner.serve.places import while_wanted
from langchain_metaaligner.serve.service import Service


def completion_routes(service: Service) -> APIRouter:
    """The routes, over one model."""
    routes = APIRouter(prefix="/v1", tags=["openai"])
    name, started = service.settings.name, int(time.time())

    @routes.get("/models")
    async def models() -> AsciiJSONResponse:
        """The one model that there is."""
        card = {"id": name, "object": "model", "created": started, "owned_by": "metaaligner"}
        return AsciiJSONResponse({"object": "list", "data": [card]})

    @routes.post("/completions")
    async def completions(request: Request, body: CompletionRequest) -> Response:
        """Continue prompts."""
        prompts = body.all_prompts(service.settings.max_batch)
        if body.model != name:
            raise RequestError(
                404,
                f"There is no model {body.model!r:.200} here. This server has {name!r}.",
                "model_not_found",
                "model",
            )
        about = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": name,
        }
        with ExitStack() as places:
            places.enter_context(service.places.taken(len(prompts)))
            if body.stream:
                events = streamed(service, body, prompts, about)
                return EventStream(events, places.pop_all())
            work = _completed(service, body, prompts)
            answer = await while_wanted(request, work, service.settings.timeout)
        return AsciiJSONResponse({**about, **answer})

    return routes


async def _completed(
    service: Service, body: CompletionRequest, prompts: Sequence[str]
) -> dict[str, Any]:
    """Choices and usage of one request, all prompts in one call of the model."""
    result = await service.llm.agenerate(
        list(prompts),
        stop=body.stops,
        tags=[EDITING_TAG],
        drafts=drafts_in(prompts, service.aligner.edit_template),
        **body.options(service.llm),
    )
    generations = [each[0] for each in result.generations]
    choices = [
        {
            "index": at,
            "text": body.shown(prompt) + generation.text,
            "logprobs": None,
            "finish_reason": (generation.generation_info or {}).get("finish_reason", "stop"),
        }
        for at, (prompt, generation) in enumerate(zip(prompts, generations, strict=True))
    ]
    infos = [generation.generation_info or {} for generation in generations]
    return {"choices": choices, "usage": service.usage(infos)}
