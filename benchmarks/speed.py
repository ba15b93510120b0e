"""How fast an aligner runs: ``python benchmarks/speed.py [--model NAME] [--output DIR]``.

One process, one model, the same prompts, all systems side by side in interleaved rounds; what
counts are ratios within a round. Four overlaps are shown: the model's own edits of natural drafts
(``natural/natural.jsonl``, or ``--cases``) and of flawed answers (``answers.jsonl``), and edits of
the natural drafts with a part of their tokens, or all, in a cipher that no draft can foretell
(`speed_systems.Cipher`). Then ours as users run it: callers at the same time that share passes.

Systems that are not installed are left out: llama.cpp needs ``llama-cpp-python``, which compiles
for some 20 minutes, and a checkpoint that is a GGUF file.
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
from natural_cases import SUITE, read_cases
from plots import speed_plot
from quality_cases import CaseDrawer, own_texts
from shapes import SHAPES, grown
from speed_callers import callers_rows
from speed_report import CallersRow, Row, as_table, callers_table, limit_share
from speed_systems import BATCHED, SINGLE, Cipher, Outputs, System, Work, llama_cpp, watched

from langchain_metaaligner.data.synthetic.families import FIRST_TIER
from langchain_metaaligner.decode.phrases import Phrases
from langchain_metaaligner.decode.prefixes import LEAST, Prefixes
from langchain_metaaligner.models.checkpoint import Checkpoint, CheckpointSpec, load
from langchain_metaaligner.templates import EditTemplate

MOST = 400  # new tokens
BASELINE, ALONE = "research script", "transformers, one by one"


def natural_prompts(number: int, cases: Path = SUITE) -> list[str]:
    """Prompts with drafts as people see them, every kind of them among the first."""
    known = list(read_cases(cases))
    step = max(1, len(known) // number)
    template = EditTemplate.named("UltraFeedback")
    return [
        template.format(case.question, case.draft, list(case.objectives))
        for case in known[::step][:number]
    ]


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
    held: Checkpoint,
    prompts: Sequence[str],
    share: float,
    overlap: str,
    rounds: int,
    warm: bool = True,
) -> list[Row]:
    """All systems on one overlap, after a round that does not count if it is to be ``warm``."""
    cipher = Cipher(held, share) if share else None
    batched = dict(BATCHED)
    if cipher is not None:  # its passes mix prompts and answers, which the cipher cannot tell apart
        batched.pop("transformers, continuous batching")
    single = prompts[: max(4, len(prompts) // 3)]
    # Where bfloat16 rounds a tie away from the cipher's path, a row must not run on for long.
    most = max(map(len, run(batched[BASELINE], held, prompts, MOST, cipher).made)) + 1
    singles = SINGLE if cipher is not None else {**SINGLE, **llama_cpp(held)}
    results: dict[str, list[Run]] = {name: [] for name in (*batched, *singles)}
    for number in range(rounds + warm):
        for name, system in batched.items():
            forget(held, cipher)
            results[name].append(run(system, held, prompts, most, cipher))
        for name, system in singles.items():
            forget(held, cipher)
            results[name].append(calls(system, held, single, most, cipher))
        if warm and number == 0:  # nobody pays for what is prepared in the first round
            results = {name: [] for name in results}
    reference = results[BASELINE][0].made
    tokens = list(map(len, held.encode(prompts)))
    return [
        _row(overlap, name, results[name], results[BASELINE], reference, sum(tokens))
        for name in batched
    ] + [
        _row(overlap, name, results[name], results[ALONE], reference, sum(tokens[: len(single)]))
        for name in singles
    ]


def forget(held: Checkpoint, cipher: Cipher | None) -> None:
    """Begin with nothing remembered: a system must not make the next one faster.

    A cipher tells by its first position that a prompt is read: it must be read from there on.
    """
    held.phrases = Phrases()
    held.prefixes = Prefixes(0 if cipher is not None else LEAST)


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


def overlaps(number: int, cases: Path) -> dict[str, tuple[list[str], float]]:
    """Prompts of each overlap, and the share of the vocabulary that is written in a cipher."""
    natural = natural_prompts(number, cases)
    return {
        "natural drafts": (natural, 0.0),
        "flawed answers": (edit_prompts(number), 0.0),
        "grammar-correction-like": (natural, 0.3),
        "low": (natural, 1.0),
    }


def measured(options: argparse.Namespace, dtype: str | None) -> tuple[str, dict[str, Any]]:
    """All systems in one dtype: a section of the page, and the same as data."""
    held = load(CheckpointSpec(model=options.model, device=options.device, dtype=dtype))
    if options.shape:
        held = grown(held, SHAPES[options.shape])
    prompts = overlaps(options.drafts, options.cases)
    rows = [
        row
        for overlap in options.overlaps or prompts
        for row in compare(held, *prompts[overlap], overlap, options.rounds, not options.cold)
    ]
    callers: list[CallersRow] = []
    for number in options.callers:
        forget(held, None)
        callers.append(callers_rows(held, prompts["natural drafts"][0], number, MOST))
    about = machine(held)
    section = (
        f"**{about['dtype']}**, {about['parameters'] / 1e6:.1f} million parameters, "
        f"{about['threads']} threads of {about['device']}, torch {about['torch']}, peak memory "
        f"{about['peak_memory_mb']:.0f} MB\n\n{as_table(rows)}\n\n{callers_table(callers)}"
    )
    data = {
        "machine": about,
        "rows": [asdict(row) | {"limit_share": limit_share(row, about)} for row in rows],
        "callers": [asdict(row) for row in callers],
    }
    return section, data


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="small")
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", nargs="+", default=[None], help="by itself the machine's best")
    parser.add_argument("--shape", choices=SHAPES, default=None, help="run the mini at this size")
    parser.add_argument("--cases", type=Path, default=SUITE, help="natural drafts")
    parser.add_argument("--overlaps", nargs="+", default=None, help="those to measure; all")
    parser.add_argument("--callers", nargs="*", type=int, default=[1, 8, 64])
    parser.add_argument("--drafts", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="without a round that does not count")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--output", type=Path, default=None, help="folder for table and plot")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    sections, data = [], {}
    for dtype in options.dtype:
        section, content = measured(options, dtype)
        print(section, flush=True)
        sections.append(section)
        data[content["machine"]["dtype"]] = content
    if options.json:
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        table = "\n\n".join(sections) + "\n"
        (options.output / "table.md").write_text(table, encoding="utf-8")
        speed_plot({dtype: content["rows"] for dtype, content in data.items()}, options.output)


if __name__ == "__main__":
    main()
