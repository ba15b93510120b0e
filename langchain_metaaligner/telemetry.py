"""OpenTelemetry: a span for each edit, and metrics of all answers of the process.

    from langchain_metaaligner.telemetry import instrument
    instrument()

No text of a user or of a model is in them. Metrics are `metaaligner.answers` (by decision, reason
and model), `metaaligner.edit.duration` (seconds), `metaaligner.tokens` (by kind) and
`metaaligner.under_way`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from langchain_metaaligner.edit.events import listeners
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.errors import MissingExtraError

try:
    from opentelemetry import metrics, trace
except ImportError as missing:
    raise MissingExtraError("OpenTelemetry", "otel") from missing

NAME = "langchain_metaaligner"


def instrument(
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> Callable[[], None]:
    """Begin to report the edits of all aligners of the process.

    Args:
        tracer_provider: gets the spans; None for the one of the process.
        meter_provider: gets the metrics; None for the one of the process.

    Returns:
        A function that ends it.
    """
    telemetry = _Telemetry(
        trace.get_tracer(NAME, tracer_provider=tracer_provider),
        metrics.get_meter(NAME, meter_provider=meter_provider),
    )
    listeners.append(telemetry)

    def end() -> None:
        if telemetry in listeners:
            listeners.remove(telemetry)

    return end


class _Telemetry:
    """Reports answers."""

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._spans: dict[int, trace.Span] = {}
        self._lock = threading.Lock()
        self._answers = meter.create_counter(
            "metaaligner.answers", "{answer}", "Answers by decision, reason and model."
        )
        self._seconds = meter.create_histogram(
            "metaaligner.edit.duration", "s", "Time in which the model made an edit."
        )
        self._tokens = meter.create_counter(
            "metaaligner.tokens", "{token}", "Tokens of edit prompts and edits."
        )
        self._under_way = meter.create_up_down_counter(
            "metaaligner.under_way", "{answer}", "Answers whose edit is under way."
        )

    def begins(self, edit: Edit) -> None:
        """Open the span of an edit, below the one that is current."""
        self._under_way.add(1)
        span = self._tracer.start_span("metaaligner.edit", attributes=_asked(edit))
        with self._lock:
            self._spans[id(edit)] = span

    def ends(self, edit: Edit) -> None:
        """Close it, and count the answer."""
        record = edit.record
        kind = {"decision": record.decision, "reason": record.reason or "", "model": record.model}
        self._answers.add(1, kind)
        model = {"model": record.model}
        if record.seconds is not None:
            self._seconds.record(record.seconds, {**model, "decision": record.decision})
        tokens = {"prompt": record.prompt_tokens, "completion": record.completion_tokens}
        for name, number in tokens.items():
            if number is not None:
                self._tokens.add(number, {**model, "kind": name})
        if (span := self._closed(edit)) is not None:
            span.set_attributes({f"metaaligner.{name}": value for name, value in kind.items()})
            span.set_attribute("metaaligner.tries", record.tries)
            if record.reason == "error":
                span.set_status(trace.Status(trace.StatusCode.ERROR, type(edit.error).__name__))
            span.end()

    def abandons(self, edit: Edit) -> None:
        """Close the span of an edit that nobody waits for."""
        if (span := self._closed(edit)) is not None:
            span.set_attribute("metaaligner.decision", "abandoned")
            span.end()

    def _closed(self, edit: Edit) -> trace.Span | None:
        with self._lock:
            span = self._spans.pop(id(edit), None)
        if span is not None:
            self._under_way.add(-1)
        return span


def _asked(edit: Edit) -> dict[str, Any]:
    record = edit.record
    return {"metaaligner.objectives": list(record.objectives), "metaaligner.model": record.model}
