"""``metaaligner doctor``: what is installed, what runs where, and a timed edit."""

from __future__ import annotations

import platform
import sys
import time
from importlib import metadata
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.cli.options import DEFAULT_MODEL, AsJson, Device, Model
from langchain_metaaligner.cli.terminal import console, print_json
from langchain_metaaligner.errors import MetaAlignerError

EXAMPLES = ("metaaligner doctor", "metaaligner doctor --json > doctor.json")
PACKAGE = "langchain-metaaligner"
_SHOWN = ("torch", "transformers", "langchain-core", "langchain", "langgraph", "trl", "peft")
_QUESTION = "How do I wash a wool sweater?"
_DRAFT = "You fool. Wash it by hand in cold water with a little soap, and dry it flat."


def doctor(
    model: Model = DEFAULT_MODEL,
    device: Device = None,
    no_edit: Annotated[
        bool, typer.Option("--no-edit", help="Look at the installation, and run no model.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the installation: versions, device, extras, cache, and a timed edit.

    The exit status is 1 if the edit fails.
    """
    with console().status("Looking at the installation …"):
        findings = {
            "versions": versions(),
            "device": devices(),
            "extras": extras(),
            "cache": cache(),
        }
    if not no_edit:
        with console().status(f"Editing with {model} …"):
            findings["edit"] = timed_edit(model, device)
    if as_json:
        print_json(findings)
    else:
        Console().print(_table(findings))
    if "error" in findings.get("edit", {}):
        raise typer.Exit(1)


def versions() -> dict[str, str]:
    """The versions of this package, of Python, of the system, and of what does the work."""
    found = {name: _version(name) for name in (PACKAGE, *_SHOWN)}
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    python = f"{platform.python_version()} in {sys.prefix}"
    return {PACKAGE: found.pop(PACKAGE), "python": python, "system": system, **found}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def devices() -> dict[str, str]:
    """Where models run by default, in which precision, with how many threads and how much room."""
    import psutil
    import torch

    from langchain_metaaligner.weights.device import compute_plan

    plan = compute_plan()
    memory = psutil.virtual_memory()
    shown = {
        "device": plan.device,
        "dtype": f"{plan.dtype} ({plan.why_dtype})",
        "threads": f"{plan.threads} of {plan.cores:g} cores ({plan.why_threads})",
        "memory": f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB",
    }
    for number in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(number)
        shown[f"cuda:{number}"] = f"{gpu.name}, {gpu.total_memory / 1e9:.1f} GB"
    return shown


def extras() -> dict[str, str]:
    """Each extra: "installed", or what it lacks and the line that brings it."""
    from packaging.requirements import Requirement

    wanted: dict[str, list[str]] = {}
    for line in metadata.requires(PACKAGE) or ():
        requirement = Requirement(line)
        for extra in metadata.metadata(PACKAGE).get_all("Provides-Extra") or ():
            marker = requirement.marker
            if marker is not None and "extra" in str(marker) and marker.evaluate({"extra": extra}):
                wanted.setdefault(extra, []).append(requirement.name)
    return {
        extra: _installed(extra, names)
        for extra, names in wanted.items()
        if extra not in ("bench", "docs", "test", "lint", "dev")  # of those who change the package
    }


def _installed(extra: str, names: list[str]) -> str:
    absent = [name for name in names if name != PACKAGE and _version(name) == "not installed"]
    if not absent:
        return "installed"
    return f"lacks {', '.join(absent)}: pip install '{PACKAGE}[{extra}]'"


def cache() -> dict[str, str]:
    """Where downloaded checkpoints lie, which of them are there, and how the Hub is reached."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    from langchain_metaaligner.models.spec import BUNDLED, is_complete

    bundled = [name for name, folder in BUNDLED.items() if is_complete(folder)]
    try:
        cached = scan_cache_dir()
        size = f"{cached.size_on_disk / 1e9:.1f} GB"
        models = [repo.repo_id for repo in cached.repos if repo.repo_type == "model"]
    except CacheNotFound:
        size, models = "empty", []
    aligners = [name for name in models if "metaaligner" in name.lower()]
    return {
        "bundled": ", ".join(bundled) or "none",
        "folder": f"{constants.HF_HUB_CACHE} ({size})",
        "aligners": ", ".join(sorted(aligners)) or "none downloaded",
        "hub": "offline (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else "online",
        "token": "set" if _has_token() else "not set; the published checkpoints need none",
    }


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def timed_edit(model: str, device: str | None) -> dict[str, Any]:
    """One edit, with the time of loading and of editing, or why it failed."""
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    try:
        started = time.perf_counter()
        aligner = MetaAlignerRunnable(
            objectives=["harmless"], model=model, model_kwargs={"device": device}
        )
        first = aligner.align(_QUESTION, _DRAFT)
        loaded = time.perf_counter() - started
        warm = aligner.align(_QUESTION, _DRAFT)
    except MetaAlignerError as error:
        return {"model": model, "error": str(error)}
    if first.reason == "error":
        return {"model": model, "error": first.detail}
    seconds = warm.seconds or 0.0
    return {
        "model": model,
        "first edit": f"{loaded:.1f} s, with reading the weights",
        "warm edit": f"{seconds:.2f} s, {(warm.completion_tokens or 0) / seconds:.0f} tokens/s",
        "decision": warm.decision,
        "draft": _DRAFT,
        "answer": warm.text,
    }


def _table(findings: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for part, values in findings.items():
        table.add_section()
        table.add_row(Text(part, style="bold"), "")
        for name, value in values.items():
            style = "red" if name == "error" else "dim" if str(value).startswith("lacks") else ""
            table.add_row(f"  {name}", Text(str(value), style=style))
    return table
