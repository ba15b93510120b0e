"""Ratings from 0 to 10, before and after, with their distributions.

``figures`` of the result: ``{"ratings": {OBJECTIVE: {COLUMN: {…Ratings}}}, "changes": {OBJECTIVE:
{"mean": x, "interval": [low, high], "rows": n}}, "calls": {…}, "rows": n}``. Rows: ``row, query,
objective, column, response, reply, score``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.intervals import Interval, bootstrap
from langchain_metaaligner.evaluation.judge.ask import Estimate, Judge, Reply, ask_all, estimate
from langchain_metaaligner.evaluation.judge.prompts import Score, parse_score, rating_messages
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.tables.ledger import Ledger

RATED = ("origin_responses", "aligned_responses", "goldens")


@dataclass(frozen=True)
class Ratings:
    """The scores of one kind of response on one objective.

    Attributes:
        n: scores.
        mean: their mean.
        interval: of the mean (bootstrap).
        quartiles: 25, 50 and 75 % of the scores lie below.
        histogram: how many round to 0, 1, … 10.
        invalid: replies without a score.
        errors: calls that failed in the end.
        absent: empty responses.
    """

    n: int
    mean: float | None
    interval: Interval | None
    quartiles: tuple[float, ...] | None
    histogram: tuple[int, ...]
    invalid: int
    errors: int
    absent: int


def rate_answers(
    answers: Sequence[Answers],
    objectives: Sequence[str],
    judge: Judge,
    output: Path,
    *,
    dataset: str = "UltraFeedback",
    columns: Sequence[str] = RATED[:2],
    research_compat: bool = False,
    before: Callable[[Estimate], object] = lambda estimate: None,
    progress: Callable[[int], object] = lambda calls: None,
) -> Result:
    """Let a judge rate answers from 0 to 10, and write the result into a folder.

    Args:
        answers: the rows.
        objectives: names, aliases, or ``"Name: description"``.
        judge: who is asked.
        output: folder of the result; the ledger ``rating.ledger.jsonl`` lies there too.
        dataset: whose objective texts.
        columns: which responses of a row, of `RATED`.
        research_compat: the research's prompt.
        before: told what it will cost, before anything is asked.
        progress: called after each reply.
    """
    cases = [
        (row, one.query, objective, column, one.of(column))
        for objective in objectives
        for column in columns
        for row, one in enumerate(answers)
    ]
    schema = Score if judge.is_structured and not research_compat else None
    settings = {
        "judge": judge.name,
        "dataset": dataset,
        "research_compat": research_compat,
        "structured": schema is not None,
    }
    prompts = [
        rating_messages(dataset, query, response, objective, research_compat)
        for _, query, objective, _, response in cases
        if response is not None
    ]
    with Ledger(output / "rating.ledger.jsonl", settings) as ledger:
        before(estimate(prompts, ledger))
        replies = iter(ask_all(judge, prompts, ledger, schema, progress))
    given = [None if case[4] is None else next(replies) for case in cases]
    rows = [
        {
            "row": row,
            "query": query,
            "objective": objective,
            "column": column,
            "response": response,
            "reply": None if reply is None else reply.text,
            "score": None if reply is None else parse_score(reply.text),
        }
        for (row, query, objective, column, response), reply in zip(cases, given, strict=True)
    ]
    figures = _figures(rows, given, objectives, columns)
    told = {**settings, "objectives": list(objectives), "columns": list(columns)}
    return write_result(output, "rating", told, {**figures, "rows": len(answers)}, rows)


def _figures(
    rows: Sequence[dict[str, Any]],
    replies: Sequence[Reply | None],
    objectives: Sequence[str],
    columns: Sequence[str],
) -> dict[str, Any]:
    ratings: dict[str, dict[str, Any]] = {}
    changes: dict[str, Any] = {}
    for objective in objectives:
        found = {
            column: [
                (row, reply)
                for row, reply in zip(rows, replies, strict=True)
                if (row["objective"], row["column"]) == (objective, column)
            ]
            for column in columns
        }
        ratings[objective] = {column: asdict(_ratings(group)) for column, group in found.items()}
        before, after = (
            {row["row"]: row["score"] for row, _ in found.get(column, ())}
            for column in ("origin_responses", "aligned_responses")
        )
        both = [
            after[row] - before[row]
            for row in after
            if after[row] is not None and before.get(row) is not None
        ]
        if both:
            changes[objective] = {
                "mean": fmean(both),
                "interval": bootstrap(both),
                "rows": len(both),
            }
    known = [reply for reply in replies if reply is not None]
    return {
        "ratings": ratings,
        "changes": changes,
        "calls": {
            "asked": len(known),
            "errors": sum(reply.error is not None for reply in known),
            "tokens_in": sum(reply.tokens_in for reply in known),
            "tokens_out": sum(reply.tokens_out for reply in known),
        },
    }


def _ratings(group: Sequence[tuple[dict[str, Any], Reply | None]]) -> Ratings:
    scores = [row["score"] for row, _ in group if row["score"] is not None]
    replies = [reply for _, reply in group if reply is not None]
    histogram = [0] * 11
    for score in scores:
        histogram[int(score + 0.5)] += 1
    return Ratings(
        n=len(scores),
        mean=fmean(scores) if scores else None,
        interval=bootstrap(scores),
        quartiles=tuple(quantiles(scores, n=4)) if len(scores) > 1 else None,
        histogram=tuple(histogram),
        invalid=sum(one.error is None and parse_score(one.text) is None for one in replies),
        errors=sum(one.error is not None for one in replies),
        absent=len(group) - len(replies),
    )
