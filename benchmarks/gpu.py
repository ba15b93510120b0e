"""What decoding does on a GPU: ``python benchmarks/gpu.py [--json FILE] [--table FILE]``.

Ready for one H100 or H200, where it takes some eight minutes, with what is carried along: the
package, its bundled models, and shapes of 1.1B and 7B that make the mini's own edits at the cost of
such a model (`shapes.grown`). It measures

identity   tokens of lookup decoding against ``generate``'s, in float32, bfloat16 and float16, at
           several batch sizes, twice each, so that kept beginnings of prompts are used; where they
           differ, how far the other token's logit was below the best in float32
speed      `speed.py`'s systems at each shape, and the share of the memory-bandwidth limit
memory     what a shape takes, and that a batch for which memory is short is halved, and right
profile    what a pass at batch 1 spends its time on

``--device cpu --shapes tiny`` runs all of it on a processor, where the figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from shapes import SHAPES, Shape, grown
from speed import MOST, compare, edit_prompts, forget, machine
from speed_report import as_table, limit_share
from speed_systems import one_by_one, ours

from langchain_metaaligner.decode.complete import complete
from langchain_metaaligner.decode.row import Decoding
from langchain_metaaligner.models.checkpoint import Checkpoint, CheckpointSpec, load

DTYPES = ("float32", "bfloat16", "float16")
BATCHES = (1, 3, 8, 32)
TINY = Shape(8, 320, 1024)
"""For a processor: hardly larger than the mini."""


@dataclass
class Identity:
    """Edits of lookup decoding beside those of ``generate``.

    Attributes:
        dtype: of the weights.
        batch_size: rows of a pass.
        identical: edits that have the same tokens.
        edits: edits in all.
        worst: how far the logit of a token made lay below the best one, at most, in float32.
        worst_of_generate: the same for the tokens of ``generate``.
    """

    dtype: str
    batch_size: int
    identical: int
    edits: int
    worst: float
    worst_of_generate: float


@torch.inference_mode()
def loss(judge: Checkpoint, prompts: Sequence[str], made: Sequence[Sequence[int]]) -> float:
    """How far the logit of any token made lies below the best one, as a judge computes it."""
    worst = 0.0
    for start, ids in zip(judge.encode(prompts), made, strict=True):
        if ids:
            tokens = torch.tensor([[*start, *ids]], device=judge.model.device)
            logits = judge.model(tokens).logits[0, len(start) - 1 : -1].float()
            own = logits.gather(-1, tokens[0, len(start) :, None])[:, 0]
            worst = max(worst, float((logits.max(-1).values - own).max()))
    return worst


def identities(device: str, prompts: Sequence[str]) -> list[Identity]:
    """The mini's edits in every dtype and batch size, against its edits call by call."""
    judge = load(CheckpointSpec(model="mini", device=device, dtype="float32"))
    rows = []
    for dtype in DTYPES:
        checkpoint = load(CheckpointSpec(model="mini", device=device, dtype=dtype))
        expected = one_by_one(checkpoint, prompts, MOST)
        worst = loss(judge, prompts, expected)
        forget(checkpoint, None)
        for batch_size in BATCHES:
            for _ in range(2):
                made = ours(checkpoint, prompts, MOST, batch_size)
                same = sum(a == b for a, b in zip(made, expected, strict=True))
                lost = loss(judge, prompts, made)
                rows.append(Identity(dtype, batch_size, same, len(made), lost, worst))
    return rows


def halved(checkpoint: Checkpoint, prompts: Sequence[str]) -> dict[str, Any]:
    """A batch for which memory is short: its edits, against those of a batch that fits."""
    device = checkpoint.model.device
    if device.type != "cuda":
        return {"tried": False}
    whole = ours(checkpoint, prompts, 64, len(prompts))
    torch.cuda.empty_cache()
    in_use = torch.cuda.memory_allocated(device)
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 1.1 * in_use / total), device)
    try:
        made = ours(checkpoint, prompts, 64, len(prompts))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    same = sum(a == b for a, b in zip(made, whole, strict=True))
    return {"tried": True, "identical": same, "edits": len(made)}


def profile(checkpoint: Checkpoint, prompts: Sequence[str], most: int = 12) -> list[dict[str, Any]]:
    """What single edits spend their time on: the operations that take most of it themselves."""
    cuda = checkpoint.model.device.type == "cuda"
    activities = [torch.profiler.ProfilerActivity.CPU]
    if cuda:
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    ours(checkpoint, prompts[:2], 64, 1)
    with torch.profiler.profile(activities=activities) as record:
        ours(checkpoint, prompts[:2], 64, 1)
    times = [
        (event.key, event.count, event.self_device_time_total if cuda else 0.0, event)
        for event in record.key_averages()
    ]
    whole_device = sum(device for _, _, device, _ in times) or 1.0
    whole_cpu = sum(event.self_cpu_time_total for *_, event in times) or 1.0
    ranked = sorted(times, key=lambda row: (-row[2], -row[3].self_cpu_time_total))
    return [
        {
            "operation": name,
            "calls": count,
            "device_share": device / whole_device if cuda else None,
            "cpu_share": event.self_cpu_time_total / whole_cpu,
        }
        for name, count, device, event in ranked[:most]
    ]


def shape_figures(
    device: str, dtype: str, shape: Shape | None, prompts: Sequence[str], rounds: int
) -> dict[str, Any]:
    """One shape: all systems, the share of the limit, memory, a halved batch, and a profile."""
    checkpoint = load(CheckpointSpec(model="mini", device=device, dtype=dtype))
    if shape is not None:
        checkpoint = grown(checkpoint, shape)
    cuda = checkpoint.model.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(checkpoint.model.device)
    before = time.perf_counter()
    rows = compare(checkpoint, prompts, 0.0, "copy-like", rounds)
    about = machine(checkpoint)
    warm = complete(checkpoint, prompts[:1], Decoding(64), shared=False)
    return {
        "machine": about,
        "seconds": time.perf_counter() - before,
        "rows": [asdict(row) | {"limit_share": limit_share(row, about)} for row in rows],
        "table": as_table(rows),
        "tokens_of_a_warm_edit": warm[0].completion_tokens,
        "halved": halved(checkpoint, prompts),
        "profile": profile(checkpoint, prompts),
    }


def table(results: dict[str, Any]) -> str:
    """All of it as Markdown."""
    lines = ["| dtype | batch | identical | worst token | worst of `generate` |", "|---" * 5 + "|"]
    lines += [
        f"| {row['dtype']} | {row['batch_size']} | {row['identical']}/{row['edits']} "
        f"| {row['worst']:.4f} | {row['worst_of_generate']:.4f} |"
        for row in results["identity"]
    ]
    for name, figures in results["shapes"].items():
        about = figures["machine"]
        lines += [
            "",
            f"**{name}**: {about['parameters'] / 1e6:.1f} million parameters, {about['dtype']}, "
            f"{about['device']}, peak memory {about['peak_memory_mb']:.0f} MB",
            "",
            figures["table"],
            "",
            "| operation | calls | share of the device | share of the CPU |",
            "|---|---|---|---|",
        ]
        for row in figures["profile"]:
            share = "" if row["device_share"] is None else f"{row['device_share']:.0%}"
            lines.append(
                f"| `{row['operation']}` | {row['calls']} | {share} | {row['cpu_share']:.0%} |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16", choices=DTYPES, help="of the shapes")
    parser.add_argument(
        "--shapes", nargs="+", default=["mini", "1.1B", "7B"], choices=["mini", "tiny", *SHAPES]
    )
    parser.add_argument("--drafts", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args(arguments)
    prompts = edit_prompts(options.drafts)
    sizes: dict[str, Shape | None] = {"mini": None, "tiny": TINY, **SHAPES}
    results: dict[str, Any] = {
        "identity": [asdict(row) for row in identities(options.device, prompts)],
        "shapes": {},
    }
    for name in options.shapes:
        results["shapes"][name] = shape_figures(
            options.device, options.dtype, sizes[name], prompts, options.rounds
        )
        print(table(results), flush=True)  # what is measured is seen, should time run out
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if options.table:
            options.table.write_text(table(results), encoding="utf-8")
    return results


if __name__ == "__main__":
    main()
