"""What a server tells Prometheus. Nothing of any text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from langchain_metaaligner.edit.record import Alignment

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's variable for the folder in which worker processes add up their counts."""

PATHS = frozenset(
    {"/align", "/align/batch", "/v1/completions", "/v1/models", "/health", "/ready", "/metrics"}
)
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The counts of one app, which its worker processes share."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "metaaligner_requests",
            "Requests answered.",
            ("path", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "metaaligner_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._answers = Counter(
            "metaaligner_answers",
            "Answers by what became of them.",
            ("decision", "reason"),
            registry=self._registry,
        )
        self._tokens = Counter(
            "metaaligner_tokens",
            "Tokens read and written by the model.",
            ("kind",),
            registry=self._registry,
        )
        self._under_way = Gauge(
            "metaaligner_answers_under_way",
            "Answers that are being made.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        _forget_dead_workers()

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request. Paths that do not exist are counted together."""
        path = path if path in PATHS else "other"
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def answers(self, alignments: Iterable[Alignment]) -> None:
        """Count answers, and the tokens that they took."""
        for alignment in alignments:
            self._answers.labels(alignment.decision, alignment.reason or "").inc()
            self.tokens("prompt", alignment.prompt_tokens)
            self.tokens("completion", alignment.completion_tokens)

    def tokens(self, kind: Literal["prompt", "completion"], number: int | None) -> None:
        """Count tokens, where it is known how many there were."""
        if number:
            self._tokens.labels(kind).inc(number)

    def under_way(self, answers: int) -> None:
        """Say how many answers are being made."""
        self._under_way.set(answers)

    def text(self) -> bytes:
        """All counts in Prometheus' text format: of all workers, where there are several."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_dead_workers() -> None:
    """Drop what killed workers had under way; a worker that takes their place does so."""
    folder = os.environ.get(FOLDER_VARIABLE)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else ():
        match = re.search(r"_(\d+)\.db$", path.name)
        if match and not _is_alive(int(match[1])):
            mark_process_dead(int(match[1]))  # type: ignore[no-untyped-call]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
