"""OpenTelemetry, read with the SDK's in-memory exporters."""

import asyncio

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.telemetry import instrument
from langchain_metaaligner.testing import FakeAlignerLLM

VALUE = {"question": "How long?", "answer": "Nobody likes you. Nine minutes."}


@pytest.fixture
def seen():
    spans, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    end = instrument(tracers, MeterProvider([reader]))
    yield spans, reader, tracers
    end()


def make(function=lambda prompt: "Nine minutes.", **options):
    return MetaAlignerRunnable(objectives=["fair"], llm=FakeAlignerLLM(function), **options)


def points(reader, name):
    """The points of a metric: attributes and value, or count for a histogram."""
    data = reader.get_metrics_data()
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    (metric,) = [metric for metric in metrics if metric.name == name]
    return [
        (dict(point.attributes), getattr(point, "value", getattr(point, "count", None)))
        for point in metric.data.data_points
    ]


async def test_answers_seconds_and_tokens(seen):
    _, reader, _ = seen
    make().batch([VALUE, VALUE])
    await make(lambda prompt: "").ainvoke(VALUE)
    make().invoke({"question": "How long?", "answer": " "})
    answers = {(a["decision"], a["reason"]): n for a, n in points(reader, "metaaligner.answers")}
    assert answers == {("edited", ""): 2, ("kept", "empty"): 1, ("kept", "empty_draft"): 1}
    assert sum(n for _, n in points(reader, "metaaligner.edit.duration")) == 3
    tokens = {a["kind"]: n for a, n in points(reader, "metaaligner.tokens")}
    assert tokens["completion"] == 4
    assert tokens["prompt"] > 100
    assert points(reader, "metaaligner.under_way") == [({}, 0)]


@pytest.mark.parametrize("streaming", ["checked", "live"])
async def test_a_span_an_edit_below_the_callers(seen, streaming):
    spans, _, tracers = seen
    aligner = make(streaming=streaming)
    with tracers.get_tracer("app").start_as_current_span("request"):
        list(aligner.stream(VALUE))
        assert [chunk async for chunk in aligner.astream(VALUE)]
    first, second, request = spans.get_finished_spans()
    for span in (first, second):
        assert span.name == "metaaligner.edit"
        assert span.parent.span_id == request.context.span_id
        assert span.attributes["metaaligner.decision"] == "edited"
        assert span.attributes["metaaligner.objectives"] == ("fair",)
        assert "minutes" not in span.to_json()


def test_a_failure_is_an_error_of_the_span(seen):
    spans, _, _ = seen
    make(lambda prompt: 1 / 0).invoke(VALUE)
    (span,) = spans.get_finished_spans()
    assert span.status.description == "ZeroDivisionError"


async def test_an_abandoned_edit_is_under_way_no_more(seen):
    spans, reader, _ = seen

    async def hangs(draft, edit):
        await asyncio.sleep(20)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(make(checks=[hangs]).ainvoke(VALUE), 0.2)
    chunks = make(streaming="live").astream(VALUE)
    await anext(chunks)
    await anext(chunks)
    await chunks.aclose()
    assert [s.attributes["metaaligner.decision"] for s in spans.get_finished_spans()] == [
        "abandoned",
        "abandoned",
    ]
    assert points(reader, "metaaligner.under_way") == [({}, 0)]
