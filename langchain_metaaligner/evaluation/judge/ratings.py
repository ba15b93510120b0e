"""Ratings from 0 to 10, before and after, with their distributions.

``figures`` of the result: ``{"ratings": {OBJECTIVE: {COLUMN: {…Ratings}}}, "changes": {OBJECTIVE:
{"mean": x, "interval": [low, high], "rows": n}}, "calls": {…}, "rows": n}``. Rows: ``row, source,
query, objective, column, response, reply, score``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.intervals import Interval, bootstrap, quartiles
from langchain_metaaligner.evaluation.judge.ask import (
    Estimate,
    Judge,
    Reply,
    ask_all,
    call_figures,
    estimate,
    ledger_so_far,
)
from langchain_metaaligner.evaluation.judge.prompts import Score, parse_score, rating_messages
from langchain_metaaligner.evaluation.results import Progress, Result, no_progress, write_result
from langchain_metaaligner.tables.ledger import Ledger

RATED = ("origin_responses", "aligned_responses", "goldens")
LEDGER = "rating.ledger.jsonl"


@dataclass(frozen=True)
class Ratings:
    """The scores of one kind of response on one objective.

    Attributes:
        n: scores.
        mean: their mean.
        interval: of the mean (bootstrap).
        quartiles: 25, 50 and 75 % of the scores lie below; never beyond the scores.
        histogram: how many round to 0, 1, … 10.
        invalid: replies without a score.
        errors: calls that failed in the end.
        absent: empty responses.
    """

    n: int
    mean: float | None
    interval: Interval | None
    quartiles: tuple[float, float, float] | None
    histogram: tuple[int, ...]
    invalid: int
    errors: int
    absent: int


@dataclass(frozen=True)
class Rating:
    """A response that is rated on an objective.

    Attributes:
        row: number of the row.
        answers: the row.
        objective: on what.
        column: which response of the row, one of `RATED`.
    """

    row: int
    answers: Answers
    objective: str
    column: str

    @property
    def response(self) -> str | None:
        """The text; None where there is none, and nothing to ask."""
        return self.answers.of(self.column)

    def prompt(self, dataset: str, research_compat: bool) -> list[BaseMessage]:
        """What the judge is asked."""
        return rating_messages(
            dataset, self.answers.query, str(self.response), self.objective, research_compat
        )


def responses_to_rate(
    answers: Sequence[Answers], objectives: Sequence[str], columns: Sequence[str] = RATED[:2]
) -> list[Rating]:
    """The responses of a rating; the arguments are those of `rate_answers`.

    Raises:
        DataError: if there is no response.
    """
    ratings = [
        Rating(row, answered, objective, column)
        for objective in objectives
        for column in columns
        for row, answered in enumerate(answers)
    ]
    if all(rating.response is None for rating in ratings):
        raise DataError("No row has a draft or an edit. Give a file as `align-file` writes it.")
    return ratings


def estimate_ratings(
    ratings: Sequence[Rating], output: Path, settings: Mapping[str, Any]
) -> Estimate:
    """What rating will cost, without a judge; the arguments are as of `estimate_comparisons`."""
    prompts = _prompts(ratings, settings["dataset"], settings["research_compat"])
    with ledger_so_far(output / LEDGER, settings) as ledger:
        return estimate(prompts, ledger)


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
    progress: Progress = no_progress,
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
        before: called with what it will cost, before anything is asked.
        progress: called after each call.

    Raises:
        DataError: if there is no response.
        CallError: when no call can succeed; see `call_all`.
    """
    ratings = responses_to_rate(answers, objectives, columns)
    settings = judge.settings(dataset, research_compat)
    prompts = _prompts(ratings, dataset, research_compat)
    with Ledger(output / LEDGER, settings) as ledger:
        before(estimate(prompts, ledger))
        schema = Score if settings["structured"] else None
        replies = ask_all(judge, prompts, ledger, schema, progress)
    each = iter(replies)
    by_rating = [None if rating.response is None else next(each) for rating in ratings]
    rows = list(map(_row, ratings, by_rating))
    return write_result(
        output,
        "rating",
        {**settings, "objectives": list(objectives)},
        {
            "ratings": {
                objective: {
                    column: asdict(_ratings(rows, by_rating, objective, column))
                    for column in columns
                }
                for objective in objectives
            },
            "changes": _changes(rows, objectives),
            "calls": call_figures(replies),
            "rows": len(answers),
        },
        rows,
    )


def _prompts(
    ratings: Sequence[Rating], dataset: str, research_compat: bool
) -> list[list[BaseMessage]]:
    there = (rating for rating in ratings if rating.response is not None)
    return [rating.prompt(dataset, research_compat) for rating in there]


def _row(rating: Rating, reply: Reply | None) -> dict[str, Any]:
    return {
        "row": rating.row,
        "source": rating.answers.source,
        "query": rating.answers.query,
        "objective": rating.objective,
        "column": rating.column,
        "response": rating.response,
        "reply": None if reply is None else reply.text,
        "score": None if reply is None else parse_score(reply.text),
    }


def _ratings(
    rows: Sequence[Mapping[str, Any]],
    replies: Sequence[Reply | None],
    objective: str,
    column: str,
) -> Ratings:
    group = [
        (row["score"], reply)
        for row, reply in zip(rows, replies, strict=True)
        if (row["objective"], row["column"]) == (objective, column)
    ]
    scores = [score for score, _ in group if score is not None]
    histogram = [0] * 11
    for score in scores:
        histogram[int(score + 0.5)] += 1
    errors = sum(reply is not None and reply.error is not None for _, reply in group)
    absent = sum(reply is None for _, reply in group)
    return Ratings(
        n=len(scores),
        mean=fmean(scores) if scores else None,
        interval=bootstrap(scores),
        quartiles=quartiles(scores),
        histogram=tuple(histogram),
        invalid=len(group) - len(scores) - errors - absent,
        errors=errors,
        absent=absent,
    )


def _changes(rows: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> dict[str, Any]:
    """What an edit adds to the rating of its draft, on each objective that has both."""
    scores = {(row["objective"], row["column"], row["row"]): row["score"] for row in rows}
    changes = {}
    for objective in objectives:
        pairs = (
            (scores.get((objective, "origin_responses", row)), score)
            for (name, column, row), score in scores.items()
            if (name, column) == (objective, "aligned_responses")
        )
        differences = [after - before for before, after in pairs if None not in (before, after)]
        if differences:
            changes[objective] = {
                "mean": fmean(differences),
                "interval": bootstrap(differences),
                "rows": len(differences),
            }
    return changes
