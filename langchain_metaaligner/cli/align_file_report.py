"""What ``metaaligner align-file`` tells: what became of the rows, and what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_metaaligner.cli.terminal import say

if TYPE_CHECKING:
    from langchain_metaaligner.files.align import Report
    from langchain_metaaligner.files.drafts import Table
    from langchain_metaaligner.runnable import MetaAlignerRunnable


def counted(number: int, unit: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def print_report(report: Report) -> None:
    """Say what became of the rows."""
    parts = [f"{number:,} {decision}" for decision, number in sorted(report.decisions.items())]
    say(f"{counted(report.rows, 'row')}: {', '.join(parts) or 'none'}.")
    if report.reasons:
        why = ", ".join(f"{number:,} {reason}" for reason, number in report.reasons.most_common())
        say(f"Kept because of: {why}.")
    if report.reused:
        say(f"{counted(report.reused, 'row')} already in the ledger.")
    renamed = [f"{ours} is {name}" for ours, name in report.columns.items() if ours != name]
    if renamed:
        say(f"The input has columns of our names, so: {', '.join(renamed)}.")
    for kind, number in report.problems.counts.items():
        lines = ", ".join(
            str(problem.line) for problem in report.problems.all[:5] if problem.kind == kind
        )
        say(f"{number:,} {kind}: line {lines}. They are no rows, and not written.")
    if report.reasons["not_unicode"]:
        say(
            f"{counted(report.reasons['not_unicode'], 'row')} with bytes that are no UTF-8 kept, "
            "with U+FFFD for what could not be read. Give the file's encoding with --encoding."
        )


def figures(report: Report, output: Path) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "output": str(output),
        "rows": report.rows,
        "decisions": dict(report.decisions),
        "reasons": dict(report.reasons),
        "reused": report.reused,
        "problems": dict(report.problems.counts),
        "columns": report.columns,
    }


def rows_lost(report: Report) -> bool:
    """Whether a row is missing or was not whole, or no edit was made because all failed."""
    failed = report.reasons["error"]
    return bool(
        report.problems.counts
        or report.reasons["not_unicode"]
        or (failed and failed == report.rows - report.reasons["empty_draft"])
    )


def dry_run_figures(
    table: Table, aligner: MetaAlignerRunnable, settings: dict[str, Any], ledger: Path | None
) -> dict[str, Any]:
    """What a run would do, without a call of the model.

    Args:
        table: the rows.
        aligner: what would edit them.
        settings: whatever changes its answers.
        ledger: where the answers of an earlier run would lie; None without one.

    Raises:
        LedgerError: if the ledger belongs to other settings.
    """
    from langchain_metaaligner.files.align import waiting_rows

    waiting = waiting_rows(table, ledger, settings)
    return {
        "input": table.source.name,
        "question": table.asked,
        "answer": table.answer,
        "model": settings["model"],
        "template": settings["template"],
        "objectives": settings["objectives"],
        **waiting,
    }
