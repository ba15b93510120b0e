"""Reward models before and after: what edits gain, objective by objective.

``figures`` of the result: ``{"rewards": {OBJECTIVE: {"before": mean, "after": mean, "golden": mean
or None, "change": mean, "interval": [low, high], "improved": share, "worse": share, "rows": n}},
"weighted": the same of the weighted sum or None, "absent": n, "rows": n}``. Rows: ``row, query,
origin, aligned, before, after, golden``, the last three being scores by objective or null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.errors import DataError, SettingError, nearest
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.intervals import bootstrap
from langchain_metaaligner.evaluation.results import Progress, Result, no_progress, write_result
from langchain_metaaligner.rewards.scorer import Scorer
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome

_TOGETHER = 32
Pair = tuple[str, str]
"""A question and an answer."""
_TEXTS = ("origin_responses", "aligned_responses", "goldens")


def check_weights(weights: Mapping[str, float], scored: Iterable[str]) -> None:
    """Refuse weights for what is not scored, before a model is loaded.

    Raises:
        SettingError: names the one, and what is scored.
    """
    names = list(scored)
    for name in weights:
        if name not in names:
            raise SettingError(
                f"A weight was given to {name!r}, which is not scored.{nearest(name, names)} "
                f"Scored are: {', '.join(names)}."
            )


def score_answers(
    answers: Sequence[Answers],
    scorer: Scorer,
    output: Path,
    *,
    scorer_name: str,
    weights: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
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
        DataError: if the reward model does not give finite numbers for each answer.
    """
    pairs = sorted(
        {
            (row.query, text)
            for row in answers
            for column in _TEXTS
            if (text := row.of(column)) is not None
        }
    )

    def make(missing: Sequence[Pair]) -> Iterator[tuple[int, Outcome]]:
        for start in range(0, len(missing), _TOGETHER):
            batch = missing[start : start + _TOGETHER]
            for place, scores in enumerate(_checked(scorer.score_all(batch), batch), start):
                yield place, {"scores": scores}
            progress(len(batch))

    with Ledger(output / "reward.ledger.jsonl", {"scorer": scorer_name}) as ledger:
        outcomes = ledger.complete(pairs, make, content=lambda pair: pair, together=_TOGETHER)
    scores = {
        pair: outcome["scores"]
        for pair, outcome in zip(pairs, outcomes, strict=True)
        if not isinstance(outcome, Failure)
    }
    rows = [_row(number, row, scores) for number, row in enumerate(answers)]
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


def _checked(
    scores: Sequence[Mapping[str, float]], pairs: Sequence[Pair]
) -> list[dict[str, float]]:
    made = [{name: float(value) for name, value in its.items()} for its in scores]
    if len(made) != len(pairs) or not all(math.isfinite(v) for its in made for v in its.values()):
        raise DataError(
            f"The reward model gave {len(made)} scores for {len(pairs)} answers, or one that is no "
            "finite number. It must give finite numbers for each."
        )
    return made


def _row(number: int, row: Answers, scores: Mapping[Pair, dict[str, float]]) -> dict[str, Any]:
    before, after, golden = (scores.get((row.query, row.of(name) or "")) for name in _TEXTS)
    return {
        "row": number,
        "query": row.query,
        "origin": row.origin,
        "aligned": row.aligned,
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
        "worse": fmean(change < 0 for change in changes),
        "rows": len(rows),
    }
