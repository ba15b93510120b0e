"""Win rates: a judge compares aligned, original and golden answers, objective by objective.

``figures`` of the result: ``{"comparisons": {COMPARISON: {OBJECTIVE: {…Tally}}}, "gains":
{OBJECTIVE: {"gain": share, "interval": [low, high], "rows": n}}, "calls": {"asked": n, "errors": n,
"tokens_in": n, "tokens_out": n, "failures": {REASON: n}}, "rows": n}``. Rows: ``row, source, query,
comparison, objective, first, second, positions, replies, outcome``, where first is the evaluated
response and ``outcome`` one of "win", "tied", "lose", "invalid", "error", "absent".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_metaaligner.errors import DataError, SettingError, nearest
from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.judge.ask import (
    Estimate,
    Judge,
    Reply,
    ask_all,
    call_figures,
    estimate,
    ledger_so_far,
)
from langchain_metaaligner.evaluation.judge.prompts import Choice, messages, parse_verdict
from langchain_metaaligner.evaluation.judge.tally import Judged, gains, same_text, tallies
from langchain_metaaligner.evaluation.results import Progress, Result, no_progress, write_result
from langchain_metaaligner.tables.ledger import Ledger

COMPARISONS: Mapping[str, tuple[str, str]] = {
    "aligned against golden": ("aligned_responses", "goldens"),
    "original against golden": ("origin_responses", "goldens"),
    "aligned against original": ("aligned_responses", "origin_responses"),
}
"""The columns of the evaluated response and of the other one."""

LEDGER = "judge.ledger.jsonl"


@dataclass(frozen=True)
class Pair:
    """Two responses that are compared on an objective.

    Attributes:
        row: number of the row.
        answers: the row.
        comparison: one of `COMPARISONS`.
        objective: on what.
        positions: where the evaluated response stands, in each order that is asked; none where
            there is nothing to ask.
    """

    row: int
    answers: Answers
    comparison: str
    objective: str
    positions: tuple[int, ...]

    @property
    def texts(self) -> tuple[str | None, str | None]:
        """The evaluated response and the other one."""
        evaluated, other = COMPARISONS[self.comparison]
        return self.answers.of(evaluated), self.answers.of(other)

    def prompts(self, dataset: str, research_compat: bool) -> list[list[BaseMessage]]:
        """What the judge is asked, once for each order."""
        evaluated, other = map(str, self.texts)
        query, objective = self.answers.query, self.objective
        return [
            messages(dataset, query, evaluated, other, objective, research_compat)
            if position == 1
            else messages(dataset, query, other, evaluated, objective, research_compat)
            for position in self.positions
        ]

    def judged(self, replies: Sequence[Reply], research_compat: bool) -> Judged:
        """What came of it; replies in the order of `positions`."""
        verdicts = [
            parse_verdict(reply.text, position, research_compat) if reply.error is None else "error"
            for reply, position in zip(replies, self.positions, strict=True)
        ]
        if None in self.texts:
            outcome = "absent"
        elif not verdicts:
            outcome = "tied"  # the same text
        else:
            unusable = [kind for kind in ("error", "invalid") if kind in verdicts]
            agreed = verdicts[0] if len(set(verdicts)) == 1 else "tied"
            outcome = unusable[0] if unusable else agreed
        return Judged(self.row, self.comparison, self.objective, *self.texts, outcome)


def pairs_to_judge(
    answers: Sequence[Answers],
    objectives: Sequence[str],
    comparisons: Sequence[str] | None = None,
    *,
    both_orders: bool = True,
    seed: int = 0,
    research_compat: bool = False,
) -> list[Pair]:
    """The pairs of a comparison; the arguments are those of `judge_answers`.

    Raises:
        SettingError: if there is no such comparison.
        DataError: if no row has two responses to compare.
    """
    names = _comparisons(answers, comparisons)
    chance = random.Random(seed)
    twice = both_orders and not research_compat
    pairs = []
    for name in names:
        for objective in objectives:
            for row, answered in enumerate(answers):
                positions = (1, 2) if twice else (chance.randint(1, 2),)
                evaluated, other = (answered.of(column) for column in COMPARISONS[name])
                same = same_text(evaluated, other) and not research_compat
                nothing = same or evaluated is None or other is None
                pairs.append(Pair(row, answered, name, objective, () if nothing else positions))
    return pairs


def _comparisons(answers: Sequence[Answers], names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if name not in COMPARISONS:
            raise SettingError(
                f"There is no comparison {name!r}.{nearest(name, COMPARISONS)} "
                f"Give one of: {', '.join(COMPARISONS)}."
            )
    there = [
        name
        for name, (evaluated, other) in COMPARISONS.items()
        if any(None not in (row.of(evaluated), row.of(other)) for row in answers)
    ]
    if not there:
        raise DataError(
            "No row has two responses to compare: a draft, an edit or a golden answer. Give a file "
            "as `metaaligner align-file` writes it."
        )
    return list(names or there)


def estimate_comparisons(
    pairs: Sequence[Pair], output: Path, settings: Mapping[str, Any]
) -> Estimate:
    """What judging pairs will cost, without a judge: nothing is asked, and nothing is written.

    Args:
        pairs: of `pairs_to_judge`.
        output: folder of the result; what its ledger has is known.
        settings: `Judge.settings`, where "structured" may be left out.

    Raises:
        LedgerError: if the ledger was written under other settings.
    """
    prompts = [
        prompt
        for pair in pairs
        for prompt in pair.prompts(settings["dataset"], settings["research_compat"])
    ]
    with ledger_so_far(output / LEDGER, settings) as ledger:
        return estimate(prompts, ledger)


def judge_answers(
    answers: Sequence[Answers],
    objectives: Sequence[str],
    judge: Judge,
    output: Path,
    *,
    dataset: str = "UltraFeedback",
    comparisons: Sequence[str] | None = None,
    both_orders: bool = True,
    seed: int = 0,
    research_compat: bool = False,
    before: Callable[[Estimate], object] = lambda estimate: None,
    progress: Progress = no_progress,
) -> Result:
    """Let a judge compare answers, and write the result into a folder.

    Pairs of the same text are ties, and no judge is asked (but under ``research_compat``).

    Args:
        answers: the rows.
        objectives: names, aliases, or ``"Name: description"``.
        judge: who is asked.
        output: folder of the result; the ledger ``judge.ledger.jsonl`` lies there too.
        dataset: whose prompts and objective texts.
        comparisons: which of `COMPARISONS`; by itself those for which a row has both responses.
        both_orders: ask each pair twice, the responses changing places; a disagreement is a tie.
        seed: of the random position where each pair is asked once.
        research_compat: the research's prompts, one random position, its parse.
        before: called with what it will cost, before anything is asked.
        progress: called after each call.

    Raises:
        SettingError: if there is no such comparison.
        DataError: if no row has two responses to compare.
        CallError: when no call can succeed; see `call_all`.
    """
    pairs = pairs_to_judge(
        answers,
        objectives,
        comparisons,
        both_orders=both_orders,
        seed=seed,
        research_compat=research_compat,
    )
    settings = judge.settings(dataset, research_compat)
    prompts = [prompt for pair in pairs for prompt in pair.prompts(dataset, research_compat)]
    with Ledger(output / LEDGER, settings) as ledger:
        before(estimate(prompts, ledger))
        schema = Choice if settings["structured"] else None
        replies = ask_all(judge, prompts, ledger, schema, progress)
    each = iter(replies)
    by_pair = [[next(each) for _ in pair.positions] for pair in pairs]
    judged = [pair.judged(own, research_compat) for pair, own in zip(pairs, by_pair, strict=True)]
    twice = both_orders and not research_compat
    return write_result(
        output,
        "judge",
        {
            **settings,
            "objectives": list(objectives),
            "both_orders": twice,
            "seed": None if twice else seed,
        },
        {
            "comparisons": tallies(judged),
            "gains": gains(judged),
            "calls": call_figures(replies),
            "rows": len(answers),
        },
        map(_row, pairs, by_pair, judged),
    )


def _row(pair: Pair, replies: Sequence[Reply], judged: Judged) -> dict[str, Any]:
    return {
        "row": pair.row,
        "source": pair.answers.source,
        "query": pair.answers.query,
        "comparison": pair.comparison,
        "objective": pair.objective,
        "first": judged.evaluated,
        "second": judged.other,
        "positions": list(pair.positions),
        "replies": [reply.text for reply in replies],
        "outcome": judged.outcome,
    }
