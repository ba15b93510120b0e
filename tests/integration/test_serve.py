"""`metaaligner serve`: real processes and sockets, the bundled mini, the command as documented."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import openai
import pytest
from integration.serving import KEY, Served
from langchain_core.language_models import FakeListChatModel
from langchain_openai import OpenAI

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.models.aligner import AlignerLLM

ROOT = Path(__file__).parents[2]
OPTIONS = ("--device", "cpu", "--max-new-tokens", "64")
HEADERS = {"Authorization": f"Bearer {KEY}"}
ROWS = [
    (f"What is in house {n}?", f"You fool. The pump of house {n} moves water from the well.")
    for n in range(200)
]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    """A server with a key, as documented."""
    with Served(*OPTIONS) as served:
        yield served


@pytest.fixture(scope="module")
def here(one_thread):
    """The same model in this process."""
    return MetaAlignerRunnable(
        objectives=["harmless", "helpful"], llm=AlignerLLM(device="cpu", max_new_tokens=64)
    )


def behind(server, **options):
    return OpenAI(
        model="mini",
        base_url=f"{server.url}/v1",
        api_key=KEY,
        temperature=0,
        max_tokens=64,
        **options,
    )


async def aligned(url, rows, retries=0):
    """The records of rows, each asked for by a client of its own at the same time."""

    async def ask(client, question, answer):
        for _ in range(retries + 1):
            try:
                reply = await client.post(
                    f"{url}/align", json={"question": question, "answer": answer}
                )
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            return reply
        raise AssertionError("never answered")

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(headers=HEADERS, timeout=300, limits=limits) as client:
        return await asyncio.gather(*(ask(client, *row) for row in rows))


def test_200_clients_get_what_they_would_get_alone(server, here):
    before = server.metric("metaaligner_answers_total")
    replies = asyncio.run(aligned(server.url, ROWS))
    assert {reply.status_code for reply in replies} == {200}
    wanted = here.align_batch(ROWS)
    assert [reply.json()["text"] for reply in replies] == [one.text for one in wanted]
    assert {reply.json()["decision"] for reply in replies} == {"edited"}
    assert server.metric("metaaligner_answers_total") - before == 200
    assert server.metric("metaaligner_answers_under_way") == 0


def test_a_chain_edits_through_langchains_openai(server, here):
    question, draft = ROWS[0]
    remote = MetaAlignerRunnable(objectives=["harmless", "helpful"], llm=behind(server))
    chain = FakeListChatModel(responses=[draft]) | remote
    assert chain.invoke(question).content == here.align(question, draft).text
    pairs = ROWS[:30]
    wanted = [one.text for one in here.align_batch(pairs)]
    assert [one.text for one in remote.align_batch(pairs)] == wanted
    got = asyncio.run(remote.aalign_batch(pairs))
    assert [one.text for one in got] == wanted
    assert all(one.completion_tokens for one in got) or all(
        one.completion_tokens is None for one in got
    )


def test_a_stream_of_langchains_openai_adds_up(server, here):
    prompt = here.edit_template.format(*ROWS[1], here.objectives)
    pieces = list(behind(server, streaming=True).stream(prompt))
    assert len(pieces) > 2
    assert "".join(pieces) == here.llm.invoke(prompt, draft=ROWS[1][1])


def test_a_wrong_key_is_openais_authentication_error(server):
    with pytest.raises(openai.AuthenticationError):
        OpenAI(model="mini", base_url=f"{server.url}/v1", api_key="wrong").invoke("Hi")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
        reply = httpx.post(f"{server.url}/align", json={}, headers=headers)
        assert reply.status_code == 401


def test_a_prompt_beyond_the_context_is_the_clients_mistake(server):
    with pytest.raises(openai.BadRequestError, match="context"):
        behind(server).invoke("word " * 30_000)


def test_sampling_is_what_openai_has(server):
    llm = OpenAI(
        model="mini", base_url=f"{server.url}/v1", api_key=KEY, temperature=1.3, n=3, best_of=3
    )
    [texts] = llm.generate(["The pump of the house"]).generations
    assert len({one.text for one in texts}) > 1


def test_a_client_that_goes_away_frees_its_place(server):
    rows = [{"question": q, "answer": a} for q, a in ROWS[:64]]
    body = json.dumps({"items": rows}).encode()
    head = (
        f"POST /align/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = server.url.removeprefix("http://").split(":")
    before = server.metric("metaaligner_answers_total")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        until(lambda: server.metric("metaaligner_answers_under_way") == 64)
    until(lambda: server.metric("metaaligner_answers_under_way") == 0)
    assert server.metric("metaaligner_answers_total") == before


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def test_a_server_that_is_told_to_end_answers_first():
    with Served(*OPTIONS) as served:
        replies = []

        def ask():
            replies.extend(asyncio.run(aligned(served.url, ROWS[:20])))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: served.metric("metaaligner_answers_under_way") > 5)
        assert served.stop(signal.SIGTERM) == 0
        asking.join()
    assert [reply.status_code for reply in replies] == [200] * 20
    assert served.status("/health") is None


def test_ctrl_c_ends_it_without_a_traceback():
    with Served(*OPTIONS) as served:
        assert served.stop(signal.SIGINT) == 0
    assert "Traceback" not in served.log


def test_too_many_at_once_are_told_to_try_again():
    with Served(*OPTIONS, "--max-waiting", "8", "--max-batch", "8") as served:
        replies = asyncio.run(aligned(served.url, ROWS[:40]))
        statuses = {reply.status_code for reply in replies}
        assert statuses == {200, 429}
        refused = next(reply for reply in replies if reply.status_code == 429)
        assert refused.headers["retry-after"]
        assert refused.json()["error"]["retryable"]
        assert asyncio.run(aligned(served.url, ROWS[:1]))[0].status_code == 200


def test_a_killed_worker_is_replaced_and_clients_go_on(here):
    with Served(*OPTIONS, "--workers", "2") as served:
        until(lambda: len(served.workers()) == 2)
        until(lambda: all(served.status("/ready") == 200 for _ in range(8)))
        first = {one.pid for one in served.workers()}
        replies = []

        def ask():
            replies.extend(asyncio.run(aligned(served.url, ROWS[:60], retries=100)))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: served.metric("metaaligner_answers_under_way") > 20)
        served.workers()[0].kill()
        asking.join()
        wanted = [one.text for one in here.align_batch(ROWS[:60])]
        assert [reply.json()["text"] for reply in replies] == wanted
        until(lambda: len(served.workers()) == 2 and {o.pid for o in served.workers()} != first, 90)
        until(lambda: served.log.count("is ready") + served.log.count("startup complete") >= 3)
        until(lambda: served.metric("metaaligner_answers_under_way") == 0)
        assert served.stop() == 0


def refused(*words, **environment):
    """What the command says that ends at once."""
    ended = subprocess.run(
        [sys.executable, "-m", "langchain_metaaligner", "serve", *words],
        env={**os.environ, "METAALIGNER_API_KEY": "", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_mistakes_end_it_with_one_sentence(server, tmp_path):
    assert "METAALIGNER_API_KEY" in refused("--host", "0.0.0.0")
    port = server.url.rpartition(":")[2]
    assert "Choose another by --port" in refused("--port", port)
    (tmp_path / "config.json").write_text("{}")
    assert str(tmp_path) in refused("--port", "0", "--model", str(tmp_path))


def test_the_dockerfiles_command_serves_with_a_key_and_ends_without():
    text = (ROOT / "Dockerfile").read_text()
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1])
    words += json.loads(re.search(r"^CMD (.*)$", text, re.M)[1])
    assert words[:2] == ["metaaligner", "serve"]
    assert "METAALIGNER_API_KEY" in refused(*words[2:])
    with Served("--host", "127.0.0.1", command=words) as served:
        assert asyncio.run(aligned(served.url, ROWS[:1]))[0].status_code == 200
    probe = shlex.join(json.loads(re.search(r"^HEALTHCHECK .*? CMD (.*)$", text, re.M)[1]))
    assert "/ready" in probe
