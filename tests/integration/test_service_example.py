"""The example of a FastAPI service, under 100 concurrent callers of whom a third goes away."""

import asyncio
import importlib.util
import json
import re
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn
import yaml

SERVICE = Path(__file__).parents[2] / "examples/service"


@pytest.fixture(scope="module")
def service():
    """The app in a server of its own, with its aligner."""
    spec = importlib.util.spec_from_file_location("service_example", SERVICE / "app.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.aligner.timeout = 300.0  # for machines that have other things to do
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(module.app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.1)
    yield module, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


async def asked(client, question, leave):
    """What a client reads: the text and the record; None for one that goes away."""
    async with client.stream("POST", "/chat", json={"question": question}) as answer:
        assert answer.status_code == 200
        if leave:
            await asyncio.sleep(0.05)
            return None
        lines = [line async for line in answer.aiter_lines()]
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return "".join(event.get("text", "") for event in events), events[-1]


@pytest.mark.slow
async def test_100_callers_of_whom_a_third_goes_away(service):
    module, url = service
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        assert (await client.get("/ready")).json() == {"ready": True}
        answers = await asyncio.gather(
            *(asked(client, f"How do I wash sweater {n}?", n % 3 == 0) for n in range(100))
        )
        metrics = (await client.get("/metrics")).text
    stayed = [answer for answer in answers if answer]
    assert len(stayed) == 66
    for text, record in stayed:
        assert record["decision"] in ("edited", "unchanged", "kept")
        assert record["reason"] in (None, "busy", "timeout", "preserve")
        assert "2 days" in text
        assert "original" not in record
    edited = [text for text, record in stayed if record["decision"] == "edited"]
    assert edited
    assert all("fool" not in text for text in edited)
    counted = re.findall(r"metaaligner_answers_total\{.*?\} ([\d.]+)", metrics)
    assert sum(map(float, counted)) >= len(stayed)
    for _ in range(600):
        if not module.aligner.options.places.under_way:
            break
        await asyncio.sleep(0.05)
    assert module.aligner.options.places.under_way == 0


def test_the_dashboard_asks_for_metrics_that_there_are():
    dashboard = json.loads((SERVICE / "grafana/dashboard.json").read_text())
    asked_for = re.findall(r"metaaligner_\w+", json.dumps(dashboard["panels"]))
    app = (SERVICE / "app.py").read_text()
    for name in asked_for:
        assert re.sub("_total|_bucket", "", name) in app
    for name in ("compose.yml", "prometheus.yml", "grafana/datasource.yml", "grafana/provider.yml"):
        assert yaml.safe_load((SERVICE / name).read_text())
