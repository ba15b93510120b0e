"""A file of drafts, aligned: streamed, resumable, and no row lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from langchain_metaaligner.files.drafts import Table
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import Row
from langchain_metaaligner.tables.text import is_unicode
from langchain_metaaligner.tables.write import check_output, write_rows

ADDED = ("origin_responses", "aligned_responses", "decision", "reason")
"""What the output has beside the columns of the input."""

PASSING = ("error", "timeout", "busy")
"""Reasons for which a row is tried again by the next run."""

_TOGETHER = 32  # finished rows that wait for the disk together

Pair = tuple[str, str]
Progress = Callable[[int], object]


class Engine(Protocol):
    """What aligns the rows of one window."""

    def __call__(self, pairs: Sequence[Pair]) -> Iterable[tuple[int, dict[str, Any]]]:
        """Yield the place of each pair and its record, as they are finished."""


@dataclass
class Report:
    """What became of a file.

    Attributes:
        rows: rows of the input, all of which are in the output.
        decisions: rows by decision: "edited", "unchanged" or "kept".
        reasons: kept rows by reason.
        reused: rows whose answer was in the ledger or stood in the file before.
        problems: lines of the input that are no rows.
        columns: the names of our columns in the output, by those in `ADDED`.
    """

    rows: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    problems: Problems = field(default_factory=Problems)
    columns: dict[str, str] = field(default_factory=dict)


def ledger_of(output: Path) -> Path:
    """Where the ledger of an output lies."""
    return output.with_name(f"{output.name}.ledger.jsonl")


def added_columns(columns: Sequence[str]) -> dict[str, str]:
    """What our columns are called beside those of the input.

    A column of the input that has one of our names stays what it is, and ours gets another name.
    All four together are an output of ours, whose columns are written anew.

    >>> added_columns(["question", "answer", "decision"])["decision"]
    'metaaligner_decision'
    """
    if set(ADDED) <= set(columns):
        return dict(zip(ADDED, ADDED, strict=True))
    names = {}
    for name in ADDED:
        names[name] = name
        while names[name] in columns:
            names[name] = f"metaaligner_{names[name]}"
    return names


def align_file(
    table: Table,
    output: Path,
    engine: Engine,
    settings: Mapping[str, Any],
    *,
    window: int = 64,
    force: bool = False,
    progress: Progress = lambda rows: None,
) -> Report:
    """Align all rows of a table.

    Every answer goes into ``OUTPUT.ledger.jsonl`` as soon as its row is finished. A run that was
    stopped, in whatever way, takes what stands there and goes on. Equal rows are aligned once. A
    row whose edit failed for a passing reason (`PASSING`) is tried again by the next run.

    Args:
        table: the rows.
        output: a ``.csv``, ``.tsv``, ``.json``, ``.jsonl`` or ``.parquet`` file, which appears when
            it is whole.
        engine: aligns the rows of a window.
        settings: whatever changes the answers; the ledger belongs to them.
        window: rows that are handed to the engine at once, and held in memory.
        force: whether a file that no earlier run wrote may be replaced.
        progress: called with the number of rows done since the last call.

    Raises:
        DataError: if the output cannot be written, is an input or a file of somebody else, or if
            the questions do not fit the rows.
        LedgerError: see `Ledger`.
    """
    check_output(output, table.inputs, ledger_of(output), force)
    report = Report()
    with Ledger(ledger_of(output), settings) as ledger:
        rows = aligned_rows(table, ledger, engine, report, window=window, progress=progress)
        joined = [table.asked] if table.asked not in table.source.columns else []
        names = added_columns(table.columns).values()
        report.rows = write_rows(output, table.source, [*names], rows, leading=joined)
    return report


def aligned_rows(
    table: Table,
    ledger: Ledger,
    engine: Engine,
    report: Report,
    *,
    window: int = 64,
    progress: Progress = lambda rows: None,
) -> Iterator[Row]:
    """The rows of a table in their order, with our columns; ``report`` counts them."""
    names = report.columns = added_columns(table.columns)
    rows = table.rows(report.problems)
    while batch := list(islice(rows, window)):
        pairs = [(row.get(table.asked), row.get(table.answer)) for row in batch]
        records = _records(pairs, ledger, engine, report, progress)
        for row, record in zip(batch, records, strict=True):
            report.decisions[record["decision"]] += 1
            if record["decision"] == "kept":
                report.reasons[record["reason"]] += 1
            yield {
                **row,
                names["origin_responses"]: row.get(table.answer),
                names["aligned_responses"]: record["text"],
                names["decision"]: record["decision"],
                names["reason"]: record["reason"],
            }


def waiting_rows(table: Table, ledger: Path | None, settings: Mapping[str, Any]) -> dict[str, int]:
    """What a run would do, without doing it: rows by what would become of them.

    Args:
        table: the rows.
        ledger: where the answers of earlier runs lie, if they do.
        settings: whatever changes the answers.

    Returns:
        ``rows``, and of them ``known`` (in the ledger), ``unfit`` (kept without a call) and
        ``to_edit``; ``problems`` are lines that are no rows.

    Raises:
        LedgerError: see `Ledger`.
    """
    problems, counts = Problems(), dict.fromkeys(("rows", "known", "unfit", "to_edit"), 0)
    with ExitStack() as stack:
        opened = ledger is not None and ledger.exists()
        known = stack.enter_context(Ledger(str(ledger), settings)) if opened else None
        for row in table.rows(problems):
            pair = (row.get(table.asked), row.get(table.answer))
            counts["rows"] += 1
            if _unfit(*pair) is not None:
                counts["unfit"] += 1
            elif known is not None and known.find(known.key(*pair)) is not None:
                counts["known"] += 1
            else:
                counts["to_edit"] += 1
    return {**counts, "problems": sum(problems.counts.values())}


def _records(
    pairs: Sequence[tuple[Any, Any]],
    ledger: Ledger,
    engine: Engine,
    report: Report,
    progress: Progress,
) -> list[Mapping[str, Any]]:
    """The record of each pair: unfit, known already, or made now."""
    records: list[Mapping[str, Any] | None] = [_unfit(*pair) for pair in pairs]
    fit = [pair for pair, record in zip(pairs, records, strict=True) if record is None]
    made = 0

    def make(missing: Sequence[Pair]) -> Iterator[tuple[int, Outcome]]:
        nonlocal made
        made = len(missing)
        for place, record in engine(missing):
            passing = record["reason"] in PASSING
            yield place, Failure(f"{record['reason']}: {record['detail']}") if passing else record
            progress(1)

    outcomes = iter(ledger.complete(fit, make, content=lambda pair: pair, together=_TOGETHER))
    report.reused += len(fit) - made
    progress(len(pairs) - made)
    return [
        record or _record(next(outcomes), pair) for record, pair in zip(records, pairs, strict=True)
    ]


def _record(outcome: Outcome, pair: tuple[Any, Any]) -> Mapping[str, Any]:
    if isinstance(outcome, Failure):
        return _kept(pair[1], outcome.reason.partition(":")[0])
    return outcome


def _unfit(question: Any, answer: Any) -> dict[str, Any] | None:
    """The record of a row that is none to edit; None for one that is."""
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        return _kept(answer, "empty_draft")
    if question is None or (isinstance(question, str) and not question.strip()):
        return _kept(answer, "no_question")
    if not isinstance(question, str) or not isinstance(answer, str):
        return _kept(answer, "not_text")
    return None if is_unicode(question, answer) else _kept(answer, "not_unicode")


def _kept(answer: Any, reason: str) -> dict[str, Any]:
    return {"text": answer, "decision": "kept", "reason": reason, "detail": None}
