"""Objectives that an aligner was not trained on, added one by one.

Source: section 4.4 and Figure 3 of the paper: the same drafts are aligned again and again, each
time with one more objective, and after every step a judge compares the edits on all of them.

``figures`` of the result: ``{"steps": [{"added": OBJECTIVE or None, "objectives": [...],
"win_rate": {OBJECTIVE: share or None}, "interval": {OBJECTIVE: [low, high]}, "decisions": {...}}],
"before": {OBJECTIVE: …} or None, "against": "golden" or "original", "rows": n}``, where ``before``
has ``win_rate`` and ``interval`` of the drafts. Rows: ``step`` and those of a "judge" result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.evaluation.answers import read_answers
from langchain_metaaligner.evaluation.judge.ask import Judge
from langchain_metaaligner.evaluation.judge.win_rates import judge_answers
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.files.align import align_file
from langchain_metaaligner.files.drafts import Table
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.runnable import MetaAlignerRunnable

TRAINED = ("instruction_following", "honest", "truthful", "helpful")
"""The objectives of UltraFeedback, which the paper's aligners were trained on."""
UNSEEN = ("specific", "factual", "readable", "fair", "repeat", "length")
"""The paper's unseen objectives, in the order in which it adds them."""

Progress = Callable[[str], object]


def evaluate_unseen(
    table: Table,
    make_aligner: Callable[[Sequence[str]], MetaAlignerRunnable],
    judge: Judge,
    output: Path,
    *,
    trained: Sequence[str] = TRAINED,
    unseen: Sequence[str] = UNSEEN,
    dataset: str = "UltraFeedback",
    both_orders: bool = True,
    limit: int | None = None,
    progress: Progress = lambda step: None,
) -> Result:
    """Align with ever more objectives, judge each time, and write the result into a folder.

    Edits are compared with the golden answers where the table has ``goldens``, and the drafts once
    too; else they are compared with the drafts. A stopped run goes on: edits and replies are kept
    in ledgers, and an edit that a step leaves as it was is not judged again.

    Args:
        table: the drafts.
        make_aligner: makes the aligner for some objectives.
        judge: who compares.
        output: folder of the result. ``steps/N.csv`` there has the edits of step N.
        trained: the objectives of the first step.
        unseen: those added one by one.
        dataset: whose prompts and objective texts the judge gets.
        both_orders: as in `judge_answers`.
        limit: rows that are judged, from the first on; all are aligned.
        progress: told what is done next.

    Raises:
        SettingError: if an objective stands twice, or none is added.
        DataError: if the drafts cannot be read.
    """
    everything = [*trained, *unseen]
    if not unseen or len(set(everything)) < len(everything):
        raise SettingError(
            f"The objectives {', '.join(trained) or 'none'}, and {', '.join(unseen) or 'none'} one "
            "by one, were given. Add one at least, and name each once."
        )
    golden = "goldens" in table.columns
    after = f"aligned against {'golden' if golden else 'original'}"
    before = "original against golden" if golden else None
    figures: dict[str, Any] = {"against": "golden" if golden else "original", "before": None}
    steps, rows = [], []
    for number in range(len(unseen) + 1):
        objectives = everything[: len(trained) + number]
        progress(f"{number} unseen: {', '.join(objectives)}")
        edits = output / "steps" / f"{number}.csv"
        aligner = make_aligner(objectives)
        report = align_file(table, edits, LocalEngine(aligner), settings_of(aligner))
        asked = [after] if number or before is None else [after, before]
        told = judge_answers(
            read_answers(edits, limit),
            everything,
            judge,
            output / "judged",
            dataset=dataset,
            comparisons=asked,
            both_orders=both_orders,
        )
        if before in asked:
            figures["before"] = _rates(told, before)
        figures["rows"] = told.figures["rows"]
        steps.append(
            {
                "added": unseen[number - 1] if number else None,
                "objectives": objectives,
                "decisions": dict(sorted(report.decisions.items())),
                **_rates(told, after),
            }
        )
        rows.append([{"step": number, **row} for row in told.rows()])
    settings = {
        "judge": judge.name,
        "model": aligner.editor_name,
        "dataset": dataset,
        "both_orders": both_orders,
        "trained": list(trained),
        "unseen": list(unseen),
    }
    every_row: Iterator[dict[str, Any]] = (row for step in rows for row in step)
    return write_result(output, "unseen", settings, {**figures, "steps": steps}, every_row)


def _rates(result: Result, comparison: str) -> dict[str, Any]:
    by_objective = result.figures["comparisons"][comparison]
    return {
        name: {objective: tally[name] for objective, tally in by_objective.items()}
        for name in ("win_rate", "interval")
    }
