"""What `speed.py` found, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Row:
    """One system on one overlap.

    Attributes:
        identical: answers that equal those of the research script, of all.
        ratio: how many times as fast as the research script or, for single calls, as ``generate``
            call by call: median of the rounds.
        ratios: the same, round by round.
        cpu_ratio: the same for CPU time.
        seconds: of the fastest round.
        passes: forward passes.
        keys: keys that they attended to, over all rows.
        tokens_a_pass: tokens written in one pass, over all its rows.
        waste: share of the computed tokens that were padding or wrong guesses; None where nothing
            is written.
        latency: p50 and p95 seconds of a call; single calls only.
    """

    overlap: str
    system: str
    identical: str
    ratio: float
    ratios: list[float]
    cpu_ratio: float
    seconds: float
    passes: int
    keys: int
    tokens_a_pass: float | None
    waste: float | None
    latency: tuple[float, float] | None


@dataclass
class CallersRow:
    """So many callers at a time, each with one call after the other.

    Attributes:
        callers: how many.
        edits_a_second: of all of them.
        p50: seconds that half of the calls took at most.
        p95: seconds that 19 of 20 calls took at most.
        passes_an_edit: forward passes, which calls share.
    """

    callers: int
    edits_a_second: float
    p50: float
    p95: float
    passes_an_edit: float


def limit_share(row: Row, machine: dict[str, Any]) -> float | None:
    """Share of the memory-bandwidth limit: a pass reads all weights, and the keys and values."""
    if machine["bandwidth_gb_s"] is None:
        return None
    width = {"float32": 4, "bfloat16": 2, "float16": 2}[machine["dtype"]]
    numbers = row.passes * machine["parameters"] + row.keys * machine["numbers_a_key"]
    floor = numbers * width / machine["bandwidth_gb_s"] / 1e9
    return float(floor / row.seconds)


def as_table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| overlap | system | times as fast | CPU time | identical | passes "
        "| tokens a pass | waste | p50 / p95 of a call |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{row.ratio:.2f}x ({min(row.ratios):.2f} to {max(row.ratios):.2f})"
        per_pass = "" if row.tokens_a_pass is None else f"{row.tokens_a_pass:.1f}"
        waste = "" if row.waste is None else f"{max(0.0, row.waste):.0%}"
        latency = (
            "" if row.latency is None else " / ".join(f"{s * 1e3:.0f} ms" for s in row.latency)
        )
        lines.append(
            f"| {row.overlap} | {row.system} | {spread} | {row.cpu_ratio:.2f}x | {row.identical} "
            f"| {row.passes:,} | {per_pass} | {waste} | {latency} |"
        )
    return "\n".join(lines)


def callers_table(rows: Sequence[CallersRow]) -> str:
    """Concurrent callers as Markdown."""
    lines = [
        "| callers | edits a second | p50 / p95 of a call | passes an edit |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.callers} | {row.edits_a_second:.2f} | {row.p50:.2f} s / {row.p95:.2f} s "
        f"| {row.passes_an_edit:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)
