"""Reward models before and after: what edits gain, objective by objective.

``figures`` of the result: ``{"rewards": {OBJECTIVE: {"before": mean, "after": mean, "golden": mean
or None, "change": mean, "interval": [low, high], "improved": share, "rows": n}}, "weighted": the
same of the weighted sum or None, "absent": n, "rows": n}``. Rows: ``row, query, origin, aligned,
before, after, golden``, the last three being scores by objective or null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_metaaligner.edit.gate import RewardGate, Scores
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.intervals import bootstrap
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.tables.ledger import Ledger

_TOGETHER = 32
_TEXTS = ("origin_responses", "aligned_responses", "goldens")


def score_answers(
    answers: Sequence[Answers],
    scorer: Scores,
    output: Path,
    *,
    scorer_name: str,
    weights: Mapping[str, float] | None = None,
    progress: Callable[[int], object] = lambda pairs: None,
) -> Result:
    """Score answers before and after, and write the result into a folder.

    Args:
        answers: the rows.
        scorer: a reward model.
        output: folder of the result; the ledger ``reward.ledger.jsonl`` lies there too.
        scorer_name: what the record calls the scorer.
        weights: of its objectives, for one weighted figure.
        progress: called with the number of pairs scored.

    Raises:
        SettingError: if a weight is given to what is not scored.
    """
    pairs = {(one.query, text) for one in answers for name in _TEXTS if (text := one.of(name))}
    with Ledger(output / "reward.ledger.jsonl", {"scorer": scorer_name}) as ledger:
        scores = _scores(sorted(pairs), scorer, ledger, progress)
    rows = [_row(number, one, scores) for number, one in enumerate(answers)]
    gate = RewardGate(scorer, weights) if weights else None
    both = [row for row in rows if row["before"] is not None and row["after"] is not None]
    names = list(both[0]["before"]) if both else []
    figures = {
        "rewards": {name: _change(both, itemgetter(name)) for name in names},
        "weighted": _change(both, gate.weighed) if gate and both else None,
        "absent": len(rows) - len(both),
        "rows": len(rows),
    }
    settings = {"scorer": scorer_name, "weights": dict(weights or {})}
    return write_result(output, "reward", settings, figures, rows)


def _scores(
    pairs: Sequence[tuple[str, str]],
    scorer: Scores,
    ledger: Ledger,
    progress: Callable[[int], object],
) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    left = iter(pairs)
    while batch := list(islice(left, _TOGETHER)):
        known = {pair: ledger.find(ledger.key(*pair)) for pair in batch}
        missing = [pair for pair, line in known.items() if line is None]
        made = dict(zip(missing, scorer.score_all(missing), strict=True)) if missing else {}
        ledger.add_all((ledger.key(*pair), {"scores": scores}) for pair, scores in made.items())
        found |= {pair: line["scores"] for pair, line in known.items() if line is not None} | made
        progress(len(batch))
    return found


def _row(
    number: int, one: Answers, scores: Mapping[tuple[str, str], dict[str, float]]
) -> dict[str, Any]:
    before, after, golden = (scores.get((one.query, one.of(name) or "")) for name in _TEXTS)
    return {
        "row": number,
        "query": one.query,
        "origin": one.origin,
        "aligned": one.aligned,
        "before": before,
        "after": after,
        "golden": golden,
    }


def _change(
    rows: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, float]], float]
) -> dict[str, Any]:
    changes = [value(row["after"]) - value(row["before"]) for row in rows]
    golden = [value(row["golden"]) for row in rows if row["golden"] is not None]
    return {
        "before": fmean(value(row["before"]) for row in rows),
        "after": fmean(value(row["after"]) for row in rows),
        "golden": fmean(golden) if golden else None,
        "change": fmean(changes),
        "interval": bootstrap(changes),
        "improved": fmean(change > 0 for change in changes),
        "rows": len(rows),
    }
