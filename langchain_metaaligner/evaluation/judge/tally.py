"""Verdicts counted: wins, ties and losses of each comparison, and what the edits gain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from langchain_metaaligner.evaluation.intervals import (
    Interval,
    bootstrap,
    length_controlled,
    net_win,
    wilson,
)

Outcome = str
"""One of "win", "tied", "lose", "invalid", "error", "absent"."""

SCORES = {"win": 1.0, "tied": 0.5, "lose": 0.0}


@dataclass(frozen=True)
class Tally:
    """What came of one comparison on one objective.

    Attributes:
        wins: the evaluated response is better, in every order that was asked.
        ties: equal, or the orders disagree.
        losses: the other response is better.
        identical: of the ties, pairs of the same text: no judge was asked.
        invalid: a reply named no choice.
        errors: a call failed in the end.
        absent: one of the responses is empty.
        net: wins less losses, as a share of all that were judged: above 0 the evaluated responses
            are better, below 0 the others.
        net_interval: of it (Agresti and Min).
        net_different: the same of the pairs whose texts differ.
        net_different_interval: of it.
        win_rate: strict wins of all that were judged (Algorithm 2 of the paper). Ties are no wins:
            one half means nothing here.
        interval: Wilson's of the win rate.
        research_ratio: wins and ties of all that were judged, as the research's scripts print it.
        length_controlled: the rate that equal lengths would have, a tie counting half.
        length: mean characters of the evaluated response.
        other_length: mean characters of the other one.
    """

    wins: int
    ties: int
    losses: int
    identical: int
    invalid: int
    errors: int
    absent: int
    net: float | None
    net_interval: Interval | None
    net_different: float | None
    net_different_interval: Interval | None
    win_rate: float | None
    interval: Interval | None
    research_ratio: float | None
    length_controlled: float | None
    length: float | None
    other_length: float | None


@dataclass(frozen=True)
class Judged:
    """A pair of responses and what came of it.

    Attributes:
        row: number of the row.
        comparison: which columns were compared.
        objective: on what.
        evaluated: the evaluated response.
        other: the other one.
        outcome: what came of it.
    """

    row: int
    comparison: str
    objective: str
    evaluated: str | None
    other: str | None
    outcome: Outcome


def tallies(pairs: Sequence[Judged]) -> dict[str, dict[str, dict[str, Any]]]:
    """A `Tally`, as a dictionary, for each comparison and objective."""
    return {
        comparison: {objective: asdict(_tally(group)) for objective, group in by.items()}
        for comparison, by in _grouped(pairs).items()
    }


def gains(pairs: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """Win rate of the aligned answers less that of the original ones, both against the golden."""
    grouped = _grouped(pairs)
    aligned = grouped.get("aligned against golden", {})
    original = grouped.get("original against golden", {})
    figures = {}
    for objective, group in aligned.items():
        after, before = _won(group), _won(original.get(objective, ()))
        differences = [after[row] - before[row] for row in after if row in before]
        if differences:
            figures[objective] = {
                "gain": fmean(differences),
                "interval": bootstrap(differences),
                "rows": len(differences),
            }
    return figures


def _won(group: Sequence[Judged]) -> dict[int, float]:
    return {pair.row: float(pair.outcome == "win") for pair in group if pair.outcome in SCORES}


def _grouped(pairs: Sequence[Judged]) -> Mapping[str, Mapping[str, list[Judged]]]:
    groups: dict[str, dict[str, list[Judged]]] = {}
    for pair in pairs:
        groups.setdefault(pair.comparison, {}).setdefault(pair.objective, []).append(pair)
    return groups


def _tally(group: Sequence[Judged]) -> Tally:
    counts = Counter(pair.outcome for pair in group)
    judged = [pair for pair in group if pair.outcome in SCORES]
    n, wins, ties, losses = len(judged), counts["win"], counts["tied"], counts["lose"]
    identical = sum(same_text(pair.evaluated, pair.other) for pair in judged)
    different_ties = ties - sum(
        same_text(pair.evaluated, pair.other) for pair in judged if pair.outcome == "tied"
    )
    lengths = [(len(pair.evaluated or ""), len(pair.other or "")) for pair in judged]
    net, net_interval = net_win(wins, ties, losses) or (None, None)
    different, different_interval = net_win(wins, different_ties, losses) or (None, None)
    return Tally(
        wins=wins,
        ties=ties,
        losses=losses,
        identical=identical,
        invalid=counts["invalid"],
        errors=counts["error"],
        absent=counts["absent"],
        net=net,
        net_interval=net_interval,
        net_different=different,
        net_different_interval=different_interval,
        win_rate=wins / n if n else None,
        interval=wilson(wins, n),
        research_ratio=(wins + ties) / n if n else None,
        length_controlled=length_controlled(
            [SCORES[pair.outcome] for pair in judged],
            [float(own - other) for own, other in lengths],
        ),
        length=fmean(own for own, _ in lengths) if n else None,
        other_length=fmean(other for _, other in lengths) if n else None,
    )


def same_text(first: str | None, second: str | None) -> bool:
    """Whether two responses are the same text, but for white space around it."""
    return first is not None and second is not None and first.strip() == second.strip()
