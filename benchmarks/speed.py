"""How fast an aligner runs: ``python benchmarks/speed.py [--json FILE] [--output DIR]``.

One process, one model, the same prompts, all systems side by side in interleaved rounds; what
counts are ratios within a round. Drafts are made from the answers of ``answers.jsonl``. Three
overlaps are shown: edits that copy most of the draft, and the same edits with a part of their
tokens, or all, in a cipher that no draft can foretell (`speed_systems.Cipher`).
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from plots import speed_plot
from quality_cases import CaseDrawer, own_texts
from shapes import SHAPES, grown
from speed_systems import BATCHED, SINGLE, Cipher, Outputs, System, Work, watched

from langchain_metaaligner.data.synthetic.families import FIRST_TIER
from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.models.checkpoint import Checkpoint, CheckpointSpec, load
from langchain_metaaligner.templates import EditTemplate

OVERLAPS = {"copy-like": 0.0, "grammar-correction-like": 0.3, "low": 1.0}
MOST = 400  # new tokens
BASELINE, ALONE = "research script", "transformers, one by one"


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


def edit_prompts(number: int) -> list[str]:
    """Prompts with drafts of 20 to 150 words, in the order in which a file might hold them."""
    drawer = CaseDrawer(own_texts(), set(), 11)
    cases = [drawer.repaired(FIRST_TIER[at % len(FIRST_TIER)]) for at in range(number)]
    return [
        EditTemplate.named(case.template).format(
            case.question or "What is this about?", case.draft, case.objectives
        )
        for case in cases
    ]


@dataclass
class Run:
    """One round of one system."""

    wall: float
    cpu: float
    work: Work
    made: Outputs
    calls: list[float]


def run(
    system: System, held: Checkpoint, prompts: Sequence[str], most: int, cipher: Cipher | None
) -> Run:
    """Run a system once over all prompts, timed."""
    with watched(held, cipher) as work:
        wall, cpu = time.perf_counter(), time.process_time()
        made = system(held, prompts, most)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Run(wall, cpu, work, made, [])


def calls(
    system: System, held: Checkpoint, prompts: Sequence[str], most: int, cipher: Cipher | None
) -> Run:
    """Run a system call after call; every call is timed."""
    total = Run(0.0, 0.0, Work(), [], [])
    for prompt in prompts:
        one = run(system, held, [prompt], most, cipher)
        total.wall, total.cpu = total.wall + one.wall, total.cpu + one.cpu
        total.work.passes += one.work.passes
        total.work.tokens += one.work.tokens
        total.work.keys += one.work.keys
        total.made += one.made
        total.calls.append(one.wall)
    return total


def compare(
    held: Checkpoint, prompts: Sequence[str], overlap: str, share: float, rounds: int
) -> list[Row]:
    """All systems on one overlap."""
    cipher = Cipher(held, share) if share else None
    batched = dict(BATCHED)
    if cipher is not None:  # its passes mix prompts and answers, which the cipher cannot tell apart
        batched.pop("transformers, continuous batching")
    single = prompts[: max(4, len(prompts) // 3)]
    # Where bfloat16 rounds a tie away from the cipher's path, a row must not run on for long.
    most = max(map(len, run(batched[BASELINE], held, prompts, MOST, cipher).made)) + 1
    results: dict[str, list[Run]] = {name: [] for name in (*batched, *SINGLE)}
    for number in range(rounds + 1):
        for name, system in batched.items():
            held.phrases = Phrases()  # a round must not foretell the next
            results[name].append(run(system, held, prompts, most, cipher))
        for name, system in SINGLE.items():
            held.phrases = Phrases()
            results[name].append(calls(system, held, single, most, cipher))
        if number == 0:  # nobody pays for what is prepared in the first round
            results = {name: [] for name in results}
    reference = results[BASELINE][0].made
    tokens = list(map(len, held.encode(prompts)))
    return [
        _row(overlap, name, results[name], results[BASELINE], reference, sum(tokens))
        for name in batched
    ] + [
        _row(overlap, name, results[name], results[ALONE], reference, sum(tokens[: len(single)]))
        for name in SINGLE
    ]


def _row(
    overlap: str,
    name: str,
    runs: Sequence[Run],
    baseline: Sequence[Run],
    reference: Outputs,
    prompt_tokens: int,
) -> Row:
    ratios = [base.wall / one.wall for base, one in zip(baseline, runs, strict=True)]
    work, made = runs[-1].work, runs[-1].made
    written = sum(map(len, made))
    latencies = sorted(seconds for one in runs for seconds in one.calls)
    return Row(
        overlap=overlap,
        system=name,
        identical=f"{sum(a == b for a, b in zip(made, reference, strict=False))}/{len(made)}"
        if made
        else "",
        ratio=statistics.median(ratios),
        ratios=ratios,
        cpu_ratio=statistics.median(
            base.cpu / one.cpu for base, one in zip(baseline, runs, strict=True)
        ),
        seconds=min(one.wall for one in runs),
        passes=work.passes,
        keys=work.keys,
        tokens_a_pass=written / work.passes if written else None,
        waste=1 - (prompt_tokens + written) / work.tokens if written else None,
        latency=(
            latencies[len(latencies) // 2],
            latencies[int(0.95 * len(latencies))],
        )
        if latencies
        else None,
    )


def machine(held: Checkpoint) -> dict[str, Any]:
    """Where and with what it was measured."""
    device, config = held.model.device, held.model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "dtype": str(held.model.dtype).removeprefix("torch."),
        "parameters": sum(one.numel() for one in held.model.parameters()),
        "numbers_a_key": 2 * config.num_hidden_layers * config.num_key_value_heads * size,
        "peak_memory_mb": (
            torch.cuda.max_memory_allocated(device) / 2**20
            if cuda
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ),
        "bandwidth_gb_s": _bandwidth(device) if cuda else None,
    }


def _bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy within the device's memory reads and writes."""
    block = torch.empty(2**30, dtype=torch.uint8, device=device)
    other = torch.empty_like(block)
    best = 0.0
    for _ in range(5):
        torch.cuda.synchronize(device)
        before = time.perf_counter()
        other.copy_(block)
        torch.cuda.synchronize(device)
        best = max(best, 2 * block.numel() / (time.perf_counter() - before) / 1e9)
    return best


def limit_share(row: Row, told: dict[str, Any]) -> float | None:
    """Share of the memory-bandwidth limit: a pass reads all weights, and the keys and values."""
    if told["bandwidth_gb_s"] is None:
        return None
    width = {"float32": 4, "bfloat16": 2, "float16": 2}[told["dtype"]]
    numbers = row.passes * told["parameters"] + row.keys * told["numbers_a_key"]
    floor = numbers * width / told["bandwidth_gb_s"] / 1e9
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


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--shape", choices=SHAPES, default=None, help="run the mini at this size")
    parser.add_argument("--drafts", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--output", type=Path, default=None, help="folder for table and plot")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    prompts = edit_prompts(options.drafts)
    results: dict[str, list[Row]] = {}
    told: dict[str, Any] = {}
    for dtype in options.dtype:
        spec = CheckpointSpec(model=options.model, device=options.device, dtype=dtype)
        held = load(spec)
        if options.shape:
            held = grown(held, SHAPES[options.shape])
        results[dtype] = [
            row
            for overlap, share in OVERLAPS.items()
            for row in compare(held, prompts, overlap, share, options.rounds)
        ]
        told[dtype] = machine(held)
    sections = [
        f"**{dtype}**, {told[dtype]['parameters'] / 1e6:.1f} million parameters, "
        f"{told[dtype]['threads']} threads of {told[dtype]['device']}, torch "
        f"{told[dtype]['torch']}, peak memory {told[dtype]['peak_memory_mb']:.0f} MB\n\n"
        f"{as_table(rows)}"
        for dtype, rows in results.items()
    ]
    table = "\n\n".join(sections)
    print(table)
    if options.json:
        content = {
            dtype: {
                "machine": told[dtype],
                "rows": [
                    asdict(row) | {"limit_share": limit_share(row, told[dtype])} for row in rows
                ],
            }
            for dtype, rows in results.items()
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "table.md").write_text(table + "\n", encoding="utf-8")
        drawn = {dtype: [asdict(row) for row in rows] for dtype, rows in results.items()}
        speed_plot(drawn, options.output)


if __name__ == "__main__":
    main()
