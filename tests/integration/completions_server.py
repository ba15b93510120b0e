"""``transformers serve`` for one folder: ``python completions_server.py FOLDER PORT LOG``.

Two things are added to it: a request may hold several prompts, as OpenAI's own server allows and
LangChain sends; and the token ids that reach the model are written to a log.
"""

import json
import sys
from pathlib import Path

from fastapi.responses import JSONResponse
from transformers.cli.serve import Serve
from transformers.cli.serving.completion import CompletionHandler

folder, port, log = sys.argv[1:]
one_prompt, one_answer = CompletionHandler.handle_request, CompletionHandler._non_streaming


async def several_prompts(self, body, request_id):
    answers = []
    for prompt in [body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]:
        kept = {name: body[name] for name in ("max_tokens", "temperature", "stop") if name in body}
        asked = {"model": folder, "prompt": prompt, **kept}
        answers.append(json.loads((await one_prompt(self, asked, request_id)).body))
    first = answers[0]
    first["choices"] = [
        {**answer["choices"][0], "index": at, "logprobs": None} for at, answer in enumerate(answers)
    ]
    for name in first["usage"]:
        first["usage"][name] = sum(answer["usage"][name] or 0 for answer in answers)
    return JSONResponse(first)


async def logged(self, request_id, model, processor, model_id, inputs, *rest):
    with Path(log).open("a") as file:
        file.write(json.dumps(inputs["input_ids"][0].tolist()) + "\n")
    return await one_answer(self, request_id, model, processor, model_id, inputs, *rest)


CompletionHandler.handle_request = several_prompts
CompletionHandler._non_streaming = logged
Serve(force_model=folder, device="cpu", dtype="float32", port=int(port), host="127.0.0.1")
