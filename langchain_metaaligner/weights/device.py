"""The devices of this machine, and how they compute best: `compute_plan` says what is chosen."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
_THREADS_SET_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_WORKERS_SET_BY = "WEB_CONCURRENCY"  # worker processes of a server, as uvicorn and gunicorn read it


class ComputePlan(NamedTuple):
    """What is chosen where nothing is said, and why: what ``metaaligner doctor`` shows.

    Attributes:
        device: "cuda", "mps" or "cpu".
        dtype: what weights are held in.
        why_dtype: the reason, in a clause.
        cores: CPU cores that this process may use; a fraction where a quota says so.
        threads: threads that a CPU computes with.
        why_threads: the reason, in a clause.
    """

    device: str
    dtype: str
    why_dtype: str
    cores: float
    threads: int
    why_threads: str


def compute_plan(device: str | None = None) -> ComputePlan:
    """What weights are held in and how many threads compute, where nothing is said.

    Args:
        device: a device of torch; None is `best_device`.
    """
    device = device or best_device()
    dtype, why_dtype = best_dtype(device)
    threads, why_threads = best_threads()
    return ComputePlan(device, dtype, why_dtype, usable_cores(), threads, why_threads)


def best_device() -> str:
    """The fastest device of this machine: "cuda", else "mps", else "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_dtype(device: str) -> tuple[str, str]:
    """The faster of "bfloat16" and "float32" on a device, and the reason.

    A CPU is fast in bfloat16 where it multiplies matrices of it in hardware: Intel's AMX, Arm's
    BF16. AVX512-BF16 alone is not enough: on such a processor (Xeon, 2 cores) products of large
    matrices ran at 84 GFLOP/s in bfloat16 and at 120 to 160 in float32, and edits by a 135M took
    1.3 times the CPU time.

    Args:
        device: a device of torch.
    """
    if device.startswith("cuda"):
        return "bfloat16", "CUDA devices are fastest in it"
    if not device.startswith("cpu"):
        return "float32", f"{device} rounds bfloat16 in ways that were not tested"
    can = _capabilities()
    for name, label in (("amx_bf16", "AMX"), ("bf16", "Arm's BF16")):
        if can.get(name):
            return "bfloat16", f"this processor has {label}"
    if can.get("avx512_bf16"):
        return "float32", "without AMX, AVX512-BF16 is slower than float32"
    return "float32", "this processor has no fast bfloat16"


def _capabilities() -> Mapping[str, object]:
    """What torch knows of this processor; empty for versions that do not tell."""
    tell = getattr(torch.cpu, "get_capabilities", None)
    return dict(tell()) if tell is not None else {}


def best_threads() -> tuple[int, str]:
    """How many threads a CPU should compute with, and the reason.

    The cores that the process may use, shared among the workers of a server; what the environment
    or the program has chosen stays.
    """
    now, cores = torch.get_num_threads(), usable_cores()
    for name in _THREADS_SET_BY:
        if os.environ.get(name):
            return now, f"{name} is set"
    workers = _workers()
    fair = max(1, math.floor(cores / workers))
    if now <= fair:
        return now, "torch's own choice"
    if workers > 1:
        return fair, f"{cores:g} cores are shared by {workers} workers ({_WORKERS_SET_BY})"
    return fair, f"this process may use {cores:g} cores"


def _workers() -> int:
    """How many processes of a server share this machine."""
    text = os.environ.get(_WORKERS_SET_BY, "")
    return max(1, int(text)) if text.isdecimal() else 1


def use_best_threads() -> None:
    """Compute with `best_threads`; torch alone takes all cores, whatever a container's quota is."""
    threads, _ = best_threads()
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> float:
    """CPU cores that this process may use: by its affinity, and by the quotas of its cgroups.

    Args:
        cgroups: where the kernel shows control groups.
        own: the file that tells which of them this process is in.
    """
    try:
        cores = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS and Windows know no affinity
        cores = float(os.cpu_count() or 1)
    return min([cores, *_quotas(cgroups, own)])


def _quotas(cgroups: Path, own: Path) -> list[float]:
    """The cores that each cgroup around this process grants, in version 2 or 1."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            quotas += [_quota(folder, "cpu.max") for folder in _upwards(cgroups, path)]
        elif "cpu" in controllers.split(","):
            version_1 = _upwards(cgroups / "cpu", path)
            quotas += [_quota(folder, "cpu.cfs_quota_us") for folder in version_1]
    return [quota for quota in quotas if quota is not None]


def _upwards(root: Path, path: str) -> list[Path]:
    """A cgroup's folder and those around it; a container sees its own as the root."""
    folder = root / path.strip("/")
    return [folder, *(above for above in folder.parents if above.is_relative_to(root))]


def _quota(folder: Path, file: str) -> float | None:
    """Cores that a cgroup grants; None where it sets no limit, or has no such file."""
    try:
        words = (folder / file).read_text(encoding="utf-8").split()
        if file == "cpu.cfs_quota_us":
            words += (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").split()
        quota, period = float(words[0]), float(words[1])
    except (OSError, ValueError, IndexError):  # "max" is no number, and means no limit
        return None
    return quota / period if quota > 0 and period > 0 else None
