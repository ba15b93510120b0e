"""Completions as a stream of server-sent events, as OpenAI has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from langchain_core.outputs import GenerationChunk
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from langchain_metaaligner.serve.completion_request import CompletionRequest
from langchain_metaaligner.serve.drafts import draft_in
from langchain_metaaligner.serve.errors import RequestError
from langchain_metaaligner.serve.places import took_too_long
from langchain_metaaligner.serve.service import Service

Piece = tuple[int, GenerationChunk]


class EventStream(StreamingResponse):
    """A response whose places are free again however it ends, also before it has begun.

    Args:
        events: the events.
        places: what the answers hold while they are made.
    """

    def __init__(
        self, events: AsyncGenerator[str, None], places: AbstractContextManager[Any]
    ) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._events = events
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        with self._places:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._events.aclose()


async def streamed(
    service: Service, body: CompletionRequest, prompts: Sequence[str], about: dict[str, Any]
) -> AsyncGenerator[str, None]:
    """The events of one request; its choices are made together, and their pieces mix.

    Args:
        service: what answers.
        body: the request.
        prompts: one a choice.
        about: what all events say of their request.
    """
    infos: list[dict[str, Any]] = []
    try:
        for at, prompt in enumerate(prompts):
            if body.echo:
                yield _event({**about, "choices": [_choice(at, prompt)]})
        async for at, chunk in _pieces(service, body, prompts):
            info = chunk.generation_info or {}
            finish_reason = info.get("finish_reason")
            if finish_reason:
                infos.append(info)
            if chunk.text or finish_reason:
                choice = _choice(at, chunk.text, finish_reason)
                yield _event({**about, "choices": [choice]})
    except Exception as error:  # the status is sent already: the error becomes an event
        yield _event({"error": RequestError.of(error).body})
        return
    usage = service.usage(infos)
    if body.stream_options and body.stream_options.include_usage:
        yield _event({**about, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


async def _pieces(
    service: Service, body: CompletionRequest, prompts: Sequence[str]
) -> AsyncIterator[Piece]:
    """The pieces of all choices as they are made, with the places of their choices."""
    pieces: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()

    async def write(at: int, prompt: str) -> None:
        try:
            draft = draft_in(prompt, service.aligner.edit_template)
            # not astream, which gives texts alone and no reason why they ended
            async for chunk in service.llm._astream(
                prompt, body.stops, draft=draft, **body.options(service.llm)
            ):
                pieces.put_nowait((at, chunk))
        except Exception as error:  # handed to the reader, who tells the client
            pieces.put_nowait(error)
        else:
            pieces.put_nowait(None)

    writers = [asyncio.ensure_future(write(*numbered)) for numbered in enumerate(prompts)]
    clock = asyncio.get_running_loop()
    deadline, open_choices = clock.time() + service.settings.timeout, len(writers)
    try:
        while open_choices:
            try:
                piece = await asyncio.wait_for(pieces.get(), max(0.0, deadline - clock.time()))
            except asyncio.TimeoutError:
                raise took_too_long(service.settings.timeout) from None
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                open_choices -= 1
            else:
                yield piece
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


def _choice(at: int, text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": at, "text": text, "logprobs": None, "finish_reason": finish_reason}


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, separators=(',', ':'))}\n\n"
