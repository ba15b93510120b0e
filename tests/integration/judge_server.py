"""An OpenAI-compatible judge: ``python judge_server.py PORT LOG``.

It prefers the response with fewer insults, else none. Words in the query make it misbehave:
"refuse" gets prose, "limit" is rate-limited at the first try, "broken" always fails.
It also echoes prompts with log-probabilities: minus the length of each word.
"""

import json
import re
import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

port, log = int(sys.argv[1]), Path(sys.argv[2])
app, seen = FastAPI(), set()


def opinion(text):
    if rated := re.search(r'RESPONSE: (.*?)(?:"\s+")?\n ?Assign a score', text, re.S):
        return f"Score: {max(0, 9 - 4 * rated[1].count('fool'))}"
    first, second = re.search(
        r'RESPONSE 1: (.*?) ?\n \| RESPONSE 2: (.*?)(?:"\s+")?\n ?Consider the', text, re.S
    ).groups()
    rude = first.count("fool"), second.count("fool")
    return "0" if rude[0] == rude[1] else "1" if rude[0] < rude[1] else "Response 2"


@app.get("/health")
def health():
    return "ok"


@app.post("/v1/chat/completions")
async def complete(request: Request):
    body = await request.json()
    text = body["messages"][-1]["content"]
    time.sleep(0.02)
    if "broken" in text:
        return JSONResponse({"error": {"message": "broken"}}, 500)
    if "limit" in text and text not in seen:
        seen.add(text)
        return JSONResponse({"error": {"message": "slow down"}}, 429)
    with log.open("a") as file:
        file.write(json.dumps(text) + "\n")
    reply = "I would rather not judge this." if "refuse" in text else opinion(text)
    if "response_format" in body:
        (field,) = body["response_format"]["json_schema"]["schema"]["properties"]
        value = reply.removeprefix("Response ").removeprefix("Score: ")
        reply = json.dumps({field: float(value) if field == "score" else value})
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply},
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "judge",
            "choices": [choice], "usage": usage}  # fmt: skip


@app.post("/v1/completions")
async def echo(request: Request):
    body = await request.json()
    asked, choices = body["prompt"], []
    for at, prompt in enumerate([asked] if isinstance(asked, str) else asked):
        found = list(re.finditer(r"\s*\S+", prompt + " more"))
        logprobs = {
            "tokens": [one[0] for one in found],
            "text_offset": [one.start() for one in found],
            "token_logprobs": [None] + [-float(len(one[0].strip())) for one in found[1:]],
        }
        choices.append({"index": at, "text": prompt + " more", "finish_reason": "length"})
        if body.get("echo"):
            choices[-1]["logprobs"] = logprobs
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "1", "object": "text_completion", "choices": choices, "usage": usage}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
