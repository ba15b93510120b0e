"""Callers at the same time, as a web server makes them: what `speed.py` measures last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from speed_report import CallersRow
from speed_systems import draft_in, watched

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.models.checkpoint import Checkpoint


def callers_rows(
    checkpoint: Checkpoint, prompts: Sequence[str], callers: int, most: int
) -> CallersRow:
    """Have callers edit prompts, each one after the other, with passes shared among them.

    Args:
        checkpoint: what edits.
        prompts: every caller has its share of them, and at least one.
        callers: how many there are at a time.
        most: tokens of an edit.
    """
    decoding = Decoding(max_new_tokens=most)
    asked = [prompts[at % len(prompts)] for at in range(max(callers, len(prompts)))]

    def call(prompt: str) -> float:
        before = time.perf_counter()
        complete(checkpoint, [prompt], decoding, drafts={prompt: draft_in(prompt)})
        return time.perf_counter() - before

    with watched(checkpoint) as work, ThreadPoolExecutor(callers) as pool:
        before = time.perf_counter()
        latencies = sorted(pool.map(call, asked))
        wall = time.perf_counter() - before
    return CallersRow(
        callers=callers,
        edits_a_second=len(asked) / wall,
        p50=latencies[len(latencies) // 2],
        p95=latencies[int(0.95 * (len(latencies) - 1))],
        passes_an_edit=work.passes / len(asked),
    )
