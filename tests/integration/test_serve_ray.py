"""Two replicas of Ray Serve, of which one is killed while it works."""

import asyncio
import os
import signal
import socket
import time

import pytest
from integration.serving import KEY, Served, processes

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.models.aligner import AlignerLLM

pytest.importorskip("ray.serve")
httpx = pytest.importorskip("httpx")
pytestmark = pytest.mark.slow

ROWS = [
    (f"What is in house {n}?", f"You fool. The pump of house {n} moves water from the well.")
    for n in range(60)
]


def replicas(root):
    """The replicas' processes, by their titles."""
    return processes(root, "ServeReplica")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def ask_all(url, answered):
    """Corrected answers to all rows; each client tries again where a server tells it to."""

    async def ask(client, question, answer):
        body = {"question": question, "answer": answer}
        for _ in range(200):
            try:
                reply = await client.post("/align", json=body)
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            if reply.status_code < 500 and reply.status_code != 429:
                answered.append(reply)
                return reply
            await asyncio.sleep(0.3)
        raise AssertionError("never answered")

    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120) as client:
        return await asyncio.gather(*(ask(client, *row) for row in ROWS))


def test_a_killed_replica_is_replaced_and_clients_go_on():
    port = str(free_port())
    words = ["--engine", "ray", "--replicas", "2", "--device", "cpu", "--max-new-tokens", "64"]
    with Served(*words, "--port", port, RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS="0") as served:
        wrong = httpx.post(f"{served.url}/align", json={}, headers={"X-API-Key": "wrong"})
        assert wrong.status_code == 401
        first = {one.pid for one in replicas(served.process.pid)}
        assert len(first) == 2
        answered = []

        async def ask_and_kill():
            asking = asyncio.ensure_future(ask_all(served.url, answered))
            while len(answered) < 5:
                await asyncio.sleep(0.05)
            os.kill(min(first), signal.SIGKILL)
            return await asking

        replies = asyncio.run(ask_and_kill())
        llm = AlignerLLM(device="cpu", max_new_tokens=64)
        here = MetaAlignerRunnable(objectives=["harmless", "helpful"], llm=llm)
        wanted = [one.text for one in here.align_batch(ROWS)]
        assert [reply.json()["text"] for reply in replies] == wanted
        deadline = time.monotonic() + 120
        while len({one.pid for one in replicas(served.process.pid)} - {min(first)}) < 2:
            assert time.monotonic() < deadline, "no replica came in its place"
            time.sleep(0.5)
        assert served.stop(seconds=120) == 0
