"""What was run: the aligner of a file, the settings of an evaluation, when and with what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from langchain_metaaligner.evaluation.report.sections import counted
from langchain_metaaligner.evaluation.results import Result, read_about
from langchain_metaaligner.files.align import ledger_of

_SHOWN = ("model", "objectives", "template", "preserve", "gate")
_INNER = ("dtype", "caution", "server", "weights")


@dataclass(frozen=True)
class Run:
    """One run that the report is made of.

    Attributes:
        name: of its folder or file.
        kind: what it did.
        facts: what it was done with, each with its name.
    """

    name: str
    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)


def about_result(result: Result) -> Run:
    """What an evaluation was done with."""
    made = read_about(result.folder)
    facts = {name: _told(value) for name, value in result.settings.items() if value}
    return Run(result.folder.name, result.kind, {**facts, **made})


def about_file(path: Path) -> Run:
    """What ``align-file`` was run with: its ledger, beside the file, has it."""
    ledger = ledger_of(path)
    facts: dict[str, str] = {}
    if ledger.is_file():
        tokens_in = tokens_out = records = 0
        settings: Mapping[str, Any] = {}
        with ledger.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                settings = record["settings"]
                records += "text" in record
                tokens_in += record.get("prompt_tokens") or 0
                tokens_out += record.get("completion_tokens") or 0
        inner = settings.get("llm") or {}
        facts = {
            **{name: _told(settings[name]) for name in _SHOWN if settings.get(name)},
            **{name: _told(inner[name]) for name in _INNER if inner.get(name)},
            "cost": f"{counted(records, 'edit')} asked for, {tokens_in:,} tokens read and "
            f"{tokens_out:,} written",
        }
    else:
        facts["aligner"] = f"not known: {ledger.name} is not beside the file"
    day = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    return Run(path.name, "align-file", {**facts, "written": f"{day:%Y-%m-%d}"})


def _told(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, sort_keys=True)
