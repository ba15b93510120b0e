"""A chat service with an aligner behind its model, and all controls on.

    pip install 'langchain-metaaligner[serve]'
    uvicorn app:app

``POST /chat`` streams server-sent events: the answer word by word, then its record without texts.
``GET /ready`` says whether the aligner has run an edit, ``GET /metrics`` is for Prometheus.
Put your model in the place of `draft_model`.
"""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import FakeListChatModel
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import BaseModel, Field

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.edit.need import LongerThan

ANSWERS = Counter("metaaligner_answers", "Answers by decision.", ["decision", "reason", "model"])
SECONDS = Histogram("metaaligner_edit_seconds", "Time in which the model made an edit.", ["model"])
TOKENS = Counter("metaaligner_tokens", "Tokens of edit prompts and edits.", ["model", "kind"])


class Metrics(AsyncCallbackHandler):
    """Counts the answers, by the event that the aligner sends for each."""

    async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        """Count one."""
        if name != "metaaligner":
            return
        ANSWERS.labels(data["decision"], data["reason"] or "", data["model"]).inc()
        if "seconds" in data:
            SECONDS.labels(data["model"]).observe(data["seconds"])
        for kind in ("prompt", "completion"):
            TOKENS.labels(data["model"], kind).inc(data.get(f"{kind}_tokens", 0))


draft_model = FakeListChatModel(
    responses=["Wash it by hand, you fool. Lay it flat on a towel to dry. It takes 2 days."]
)
aligner = MetaAlignerRunnable(
    objectives=["harmless", "helpful"],
    timeout=10.0,
    max_waiting=64,
    when=LongerThan(3),
    retries=1,
    preserve=["numbers", "urls"],
    record="slim",
)
chain = draft_model | aligner


class Question(BaseModel):
    """What a client asks."""

    question: str = Field(min_length=1, max_length=4_000)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The weights are there before the first client is."""
    await aligner.awarm_up()
    app.state.ready = True
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/chat")
async def chat(asked: Question) -> StreamingResponse:
    """The answer to a question, as server-sent events."""

    async def events() -> AsyncIterator[str]:
        record: dict[str, Any] = {}
        chunks: Any = chain.astream(asked.question, {"callbacks": [Metrics()]})
        async with aclosing(chunks):  # a client that goes frees its place
            async for chunk in chunks:
                record |= chunk.response_metadata.get("metaaligner", {})
                if chunk.text:
                    yield f"data: {json.dumps({'text': chunk.text})}\n\n"
        yield f"event: record\ndata: {json.dumps(record)}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """Whether requests can be answered."""
    return {"ready": app.state.ready}


@app.get("/metrics")
async def metrics() -> Response:
    """What Prometheus scrapes."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
