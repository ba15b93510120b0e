"""Objectives that an aligner was not trained on, added one by one.

Source: section 4.4 and Figure 3 of the paper: the same drafts are aligned again and again, each
time with one more objective, and after every step a judge compares the edits on all of them.

``figures`` of the result: ``{"steps": [{"added": OBJECTIVE or None, "objectives": [...],
"decisions": {...}, RATES}], "before": {RATES} or None, "against": "golden" or "original",
"rows": n, "calls": {...}}``, where RATES are ``win_rate``, ``interval``, ``loss_rate``, ``net`` and
``net_interval`` by objective (see `Tally`), in ``before`` those of the drafts. Rows: ``step`` and
those of a "judge" result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.evaluation.answers import GOLDENS, read_answers
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


_BEFORE = "original against golden"


@dataclass(frozen=True)
class Step:
    """One alignment of all drafts, and what the judge says of it.

    Attributes:
        added: the objective that this step added; None for the first.
        objectives: what the drafts were aligned to.
        decisions: how many rows had each decision.
        result: the verdicts; its folder is that of the next step too.
        rows: its rows, which the next step replaces in the folder.
    """

    added: str | None
    objectives: Sequence[str]
    decisions: Mapping[str, int]
    result: Result
    rows: Sequence[Mapping[str, Any]]


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
    announce: Callable[[str], object] = lambda step: None,
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
        announce: called with what is done next.

    Raises:
        SettingError: if an objective stands twice, or none is added.
        DataError: if the drafts cannot be read.
        CallError: when no call of the judge can succeed; see `call_all`.
    """
    everything = [*trained, *unseen]
    if not unseen or len(set(everything)) < len(everything):
        raise SettingError(
            f"The objectives {', '.join(trained) or 'none'}, and {', '.join(unseen) or 'none'} one "
            "by one, were given. Add one at least, and name each once."
        )
    against = "golden" if any(name in table.columns for name in GOLDENS) else "original"
    after = f"aligned against {against}"
    steps = []
    for number, added in enumerate((None, *unseen)):
        objectives = everything[: len(trained) + number]
        announce(f"{number} unseen: {', '.join(objectives)}")
        edits = output / "steps" / f"{number}.csv"
        aligner = make_aligner(objectives)
        report = align_file(table, edits, LocalEngine(aligner), settings_of(aligner))
        result = judge_answers(
            read_answers(edits, limit, question=table.asked),
            everything,
            judge,
            output / "judged",
            dataset=dataset,
            comparisons=[after] if added or against == "original" else [after, _BEFORE],
            both_orders=both_orders,
        )
        decisions = dict(sorted(report.decisions.items()))
        steps.append(Step(added, objectives, decisions, result, list(result.rows())))
    settings = {
        **judge.settings(dataset, research_compat=False),
        "model": aligner.editor_name,
        "both_orders": both_orders,
        "trained": list(trained),
        "unseen": list(unseen),
    }
    rows = ({"step": number, **row} for number, its in enumerate(steps) for row in its.rows)
    return write_result(output, "unseen", settings, _figures(steps, against), rows)


def _figures(steps: Sequence[Step], against: str) -> dict[str, Any]:
    return {
        "against": against,
        "before": _rates(steps[0].result, _BEFORE) if against == "golden" else None,
        "rows": steps[-1].result.figures["rows"],
        "calls": _calls(steps),
        "steps": [
            {
                "added": its.added,
                "objectives": its.objectives,
                "decisions": its.decisions,
                **_rates(its.result, f"aligned against {against}"),
            }
            for its in steps
        ],
    }


def _calls(steps: Sequence[Step]) -> dict[str, int]:
    return {
        name: sum(its.result.figures["calls"][name] for its in steps)
        for name in ("asked", "errors", "tokens_in", "tokens_out")
    }


def _rates(result: Result, comparison: str) -> dict[str, Any]:
    tallies = result.figures["comparisons"][comparison]
    rates: dict[str, Any] = {
        name: {objective: tally[name] for objective, tally in tallies.items()}
        for name in ("win_rate", "interval", "net", "net_interval")
    }
    rates["loss_rate"] = {
        objective: None
        if tally["win_rate"] is None
        else tally["losses"] / (tally["wins"] + tally["ties"] + tally["losses"])
        for objective, tally in tallies.items()
    }
    return rates
