"""Win rates: a judge compares aligned, original and golden answers, objective by objective.

``figures`` of the result: ``{"comparisons": {COMPARISON: {OBJECTIVE: {…Tally}}}, "gains":
{OBJECTIVE: {"gain": share, "interval": [low, high], "rows": n}}, "calls": {"asked": n, "errors": n,
"tokens_in": n, "tokens_out": n}, "rows": n}``. Rows: ``row, query, comparison, objective, first,
second, verdicts, outcome``, where first is the evaluated response and ``outcome`` one of "win",
"tied", "lose", "invalid", "error", "absent".
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.intervals import (
    Interval,
    bootstrap,
    length_controlled,
    wilson,
)
from langchain_metaaligner.evaluation.judge.ask import Estimate, Judge, Reply, ask_all, estimate
from langchain_metaaligner.evaluation.judge.prompts import Choice, Verdict, messages, parse_verdict
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.tables.ledger import Ledger

COMPARISONS: Mapping[str, tuple[str, str]] = {
    "aligned against golden": ("aligned_responses", "goldens"),
    "original against golden": ("origin_responses", "goldens"),
    "aligned against original": ("aligned_responses", "origin_responses"),
}
"""The columns of the evaluated response and of the other one."""

Outcome = str
_SCORES = {"win": 1.0, "tied": 0.5, "lose": 0.0}


@dataclass(frozen=True)
class Tally:
    """What came of one comparison on one objective.

    Attributes:
        wins: the evaluated response is better, in every order that was asked.
        ties: equal, or the orders disagree.
        losses: the other response is better.
        invalid: a reply named no choice.
        errors: a call failed in the end.
        absent: one of the responses is empty.
        win_rate: strict wins of all that were judged (Algorithm 2 of the paper).
        interval: Wilson's of the win rate.
        research_ratio: wins and ties of all that were judged, as the research's scripts print it.
        length_controlled: the rate that equal lengths would have, a tie counting half.
        length: mean characters of the evaluated response.
        other_length: mean characters of the other one.
    """

    wins: int
    ties: int
    losses: int
    invalid: int
    errors: int
    absent: int
    win_rate: float | None
    interval: Interval
    research_ratio: float | None
    length_controlled: float | None
    length: float | None
    other_length: float | None


@dataclass(frozen=True)
class _Case:
    row: int
    query: str
    comparison: str
    objective: str
    evaluated: str | None
    other: str | None
    positions: tuple[int, ...]

    @property
    def absent(self) -> bool:
        return self.evaluated is None or self.other is None

    def prompts(self, dataset: str, research_compat: bool) -> Iterator[list[BaseMessage]]:
        for position in () if self.absent else self.positions:
            pair = (str(self.evaluated), str(self.other))
            first, second = pair if position == 1 else pair[::-1]
            yield messages(dataset, self.query, first, second, self.objective, research_compat)


def judge_answers(
    answers: Sequence[Answers],
    objectives: Sequence[str],
    judge: Judge,
    output: Path,
    *,
    dataset: str = "UltraFeedback",
    comparisons: Sequence[str] = tuple(COMPARISONS),
    both_orders: bool = True,
    seed: int = 0,
    research_compat: bool = False,
    before: Callable[[Estimate], object] = lambda estimate: None,
    progress: Callable[[int], object] = lambda calls: None,
) -> Result:
    """Let a judge compare answers, and write the result into a folder.

    Args:
        answers: the rows.
        objectives: names, aliases, or ``"Name: description"``.
        judge: who is asked.
        output: folder of the result; the ledger ``judge.ledger.jsonl`` lies there too.
        dataset: whose prompts and objective texts.
        comparisons: which of `COMPARISONS`.
        both_orders: ask each pair twice, the responses changing places; a disagreement is a tie.
        seed: of the random position where each pair is asked once.
        research_compat: the research's prompts, one random position, its parse.
        before: told what it will cost, before anything is asked.
        progress: called after each reply.
    """
    chance = random.Random(seed)
    twice = both_orders and not research_compat
    cases = [
        _Case(
            row,
            one.query,
            name,
            objective,
            one.of(COMPARISONS[name][0]),
            one.of(COMPARISONS[name][1]),
            (1, 2) if twice else (chance.randint(1, 2),),
        )
        for name in comparisons
        for objective in objectives
        for row, one in enumerate(answers)
    ]
    schema = Choice if judge.is_structured and not research_compat else None
    settings = {
        "judge": judge.name,
        "dataset": dataset,
        "research_compat": research_compat,
        "structured": schema is not None,
    }
    prompts = [list(case.prompts(dataset, research_compat)) for case in cases]
    flat = [prompt for several in prompts for prompt in several]
    with Ledger(output / "judge.ledger.jsonl", settings) as ledger:
        before(estimate(flat, ledger))
        replies = iter(ask_all(judge, flat, ledger, schema, progress))
        given = [[next(replies) for _ in several] for several in prompts]
    verdicts = [
        [
            parse_verdict(reply.text, position, research_compat) if reply.error is None else "error"
            for reply, position in zip(several, case.positions, strict=False)
        ]
        for case, several in zip(cases, given, strict=True)
    ]
    outcomes = [
        "absent" if case.absent else _outcome(several)
        for case, several in zip(cases, verdicts, strict=True)
    ]
    figures = _figures(cases, outcomes, [reply for several in given for reply in several])
    told = {
        **settings,
        "objectives": list(objectives),
        "both_orders": twice,
        "seed": None if twice else seed,
    }
    rows = (
        {
            "row": case.row,
            "query": case.query,
            "comparison": case.comparison,
            "objective": case.objective,
            "first": case.evaluated,
            "second": case.other,
            "positions": list(case.positions),
            "replies": [reply.text for reply in several],
            "outcome": outcome,
        }
        for case, several, outcome in zip(cases, given, outcomes, strict=True)
    )
    return write_result(output, "judge", told, {**figures, "rows": len(answers)}, rows)


def _outcome(verdicts: Sequence[Verdict | str]) -> Outcome:
    for unusable in ("error", "invalid"):
        if unusable in verdicts:
            return unusable
    return verdicts[0] if len(set(verdicts)) == 1 else "tied"


def _figures(
    cases: Sequence[_Case], outcomes: Sequence[Outcome], replies: Sequence[Reply]
) -> dict[str, Any]:
    groups: dict[str, dict[str, list[tuple[_Case, Outcome]]]] = {}
    for case, outcome in zip(cases, outcomes, strict=True):
        by_objective = groups.setdefault(case.comparison, {})
        by_objective.setdefault(case.objective, []).append((case, outcome))
    return {
        "comparisons": {
            name: {objective: asdict(_tally(found)) for objective, found in by.items()}
            for name, by in groups.items()
        },
        "gains": _gains(groups),
        "calls": {
            "asked": len(replies),
            "errors": sum(reply.error is not None for reply in replies),
            "tokens_in": sum(reply.tokens_in for reply in replies),
            "tokens_out": sum(reply.tokens_out for reply in replies),
        },
    }


def _tally(found: Sequence[tuple[_Case, Outcome]]) -> Tally:
    counts = Counter(outcome for _, outcome in found)
    judged = [(case, _SCORES[outcome]) for case, outcome in found if outcome in _SCORES]
    n, wins = len(judged), counts["win"]
    lengths = [(len(case.evaluated or ""), len(case.other or "")) for case, _ in judged]
    return Tally(
        wins=wins,
        ties=counts["tied"],
        losses=counts["lose"],
        invalid=counts["invalid"],
        errors=counts["error"],
        absent=counts["absent"],
        win_rate=wins / n if n else None,
        interval=wilson(wins, n),
        research_ratio=(wins + counts["tied"]) / n if n else None,
        length_controlled=length_controlled(
            [score for _, score in judged], [float(own - other) for own, other in lengths]
        )
        if n
        else None,
        length=fmean(own for own, _ in lengths) if n else None,
        other_length=fmean(other for _, other in lengths) if n else None,
    )


def _gains(groups: Mapping[str, Mapping[str, Sequence[tuple[_Case, Outcome]]]]) -> dict[str, Any]:
    """Win rate of the aligned answers less that of the original ones, both against the golden."""
    aligned = groups.get("aligned against golden", {})
    original = groups.get("original against golden", {})
    gains = {}
    for objective in aligned:
        after, before = (
            {case.row: float(outcome == "win") for case, outcome in by if outcome in _SCORES}
            for by in (aligned[objective], original.get(objective, ()))
        )
        differences = [after[row] - before[row] for row in after if row in before]
        if differences:
            gains[objective] = {
                "gain": fmean(differences),
                "interval": bootstrap(differences),
                "rows": len(differences),
            }
    return gains
