"""A file of drafts, aligned: streamed, resumable, and no row lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from langchain_metaaligner.tables.ledger import Ledger
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import Row, Table
from langchain_metaaligner.tables.write import check_output, write_rows

ADDED = ("origin_responses", "aligned_responses", "decision", "reason")
"""What the output has beside the columns of the input."""

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
    """

    rows: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    problems: Problems = field(default_factory=Problems)


def ledger_of(output: Path) -> Path:
    """Where the ledger of an output lies."""
    return output.with_name(f"{output.name}.ledger.jsonl")


def align_file(
    table: Table,
    output: Path,
    engine: Engine,
    settings: Mapping[str, Any],
    *,
    window: int = 64,
    progress: Progress = lambda rows: None,
) -> Report:
    """Align all rows of a table.

    Every answer goes into ``OUTPUT.ledger.jsonl`` as soon as its row is finished. A run that was
    stopped, in whatever way, takes what stands there and goes on. Equal rows are aligned once. A
    row whose edit failed for a passing reason ("error") is tried again by the next run.

    Args:
        table: the rows.
        output: a ``.csv``, ``.jsonl`` or ``.parquet`` file, which appears when it is whole.
        engine: aligns the rows of a window.
        settings: whatever changes the answers; the ledger belongs to them.
        window: rows that are handed to the engine at once, and held in memory.
        progress: called with the number of rows done since the last call.

    Raises:
        DataError: if the output's suffix is unknown, or the questions do not fit the rows.
        LedgerError: see `Ledger`.
    """
    check_output(output)
    report = Report()
    columns = [*table.columns, *(name for name in ADDED if name not in table.columns)]
    if table.asked not in columns:
        columns.insert(0, table.asked)
    with Ledger(ledger_of(output), settings) as ledger:
        rows = _aligned(table, ledger, engine, window, report, progress)
        report.rows = write_rows(output, columns, rows)
    return report


def _aligned(
    table: Table,
    ledger: Ledger,
    engine: Engine,
    window: int,
    report: Report,
    progress: Progress,
) -> Iterator[Row]:
    rows = table.rows(report.problems)
    while chosen := list(islice(rows, window)):
        pairs = [(row.get(table.asked), row.get(table.answer)) for row in chosen]
        records = _records(pairs, ledger, engine, report)
        for row, record in zip(chosen, records, strict=True):
            report.decisions[record["decision"]] += 1
            if record["decision"] == "kept":
                report.reasons[record["reason"]] += 1
            yield {
                **row,
                "origin_responses": row.get(table.answer),
                "aligned_responses": record["text"],
                "decision": record["decision"],
                "reason": record["reason"],
            }
        progress(len(chosen))


def _records(
    pairs: Sequence[tuple[Any, Any]], ledger: Ledger, engine: Engine, report: Report
) -> list[dict[str, Any]]:
    """The record of each pair: unfit, known already, or made now."""
    found: list[dict[str, Any] | None] = [_unfit(*pair) for pair in pairs]
    keys = [
        ledger.key(*pair) if record is None else ""
        for pair, record in zip(pairs, found, strict=True)
    ]
    places: dict[str, int] = {}
    for at, key in enumerate(keys):
        if key and key not in places and ledger.find(key) is None:
            places[key] = at
    report.reused += sum(map(bool, keys)) - len(places)
    made: dict[str, dict[str, Any]] = {}
    open_ = list(places)
    answered = engine([pairs[at] for at in places.values()]) if places else ()
    while finished := list(islice(answered := iter(answered), _TOGETHER)):
        records = [(open_[place], record) for place, record in finished]
        made.update(records)
        ledger.add_all((key, one) for key, one in records if one["reason"] != "error")
        for key, one in records:
            if one["reason"] == "error":
                ledger.add_failure(key, str(one["detail"]))
    return [
        record or made.get(key) or _known(ledger, key)
        for record, key in zip(found, keys, strict=True)
    ]


def _known(ledger: Ledger, key: str) -> dict[str, Any]:
    record = ledger.find(key)
    assert record is not None
    return record


def _unfit(question: Any, answer: Any) -> dict[str, Any] | None:
    """The record of a row that is none to edit; None for one that is."""
    reason = None
    if not isinstance(question, str) or not isinstance(answer, str):
        reason = "empty_draft" if answer is None else "not_text"
    elif not answer.strip():
        reason = "empty_draft"
    elif not question.strip():
        reason = "no_question"
    if reason is None:
        return None
    return {"text": answer, "decision": "kept", "reason": reason, "detail": None}
