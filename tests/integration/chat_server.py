"""An OpenAI-compatible chat model: ``python chat_server.py PORT``.

It answers every question rudely, piece by piece where it is asked to stream.
"""

import json
import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

app = FastAPI()
DRAFT = (
    "What a stupid question. Put the egg in boiling water for nine minutes. "
    "Then cool it under cold water and peel it."
)


@app.get("/health")
def health():
    return "ok"


@app.post("/v1/chat/completions")
async def complete(request: Request):
    body = await request.json()
    if "broken" in body["messages"][-1]["content"]:
        return JSONResponse({"error": {"message": "out of order"}}, 400)
    about = {"id": "x", "created": 0, "model": body["model"]}
    if not body.get("stream"):
        message = {"role": "assistant", "content": DRAFT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**about, "object": "chat.completion", "choices": [choice]}

    def pieces():
        for word in DRAFT.split(" "):
            delta = {"role": "assistant", "content": word if word == "What" else f" {word}"}
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            event = {**about, "object": "chat.completion.chunk", "choices": [choice]}
            yield f"data: {json.dumps(event)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(pieces(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
