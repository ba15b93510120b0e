"""Win rates of several systems against the golden answers, by a judge: Table 3 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_metaaligner.evaluation.answers import Answers
from langchain_metaaligner.evaluation.compare.systems import read_answers
from langchain_metaaligner.evaluation.judge.ask import Judge
from langchain_metaaligner.evaluation.judge.win_rates import judge_answers

_COMPARISON = "aligned against golden"


def judged_wins(
    answers: Mapping[str, Path],
    objectives: Sequence[str],
    judge: Judge,
    output: Path,
    *,
    dataset: str = "UltraFeedback",
    both_orders: bool = True,
) -> dict[str, dict[str, Any]]:
    """Let a judge compare each system's answers with the golden ones.

    Args:
        answers: for each system its CSV file; see `compare`.
        objectives: names, aliases, or ``"Name: description"``.
        judge: who is asked.
        output: folder; ``judged/NAME`` in it is a result of kind "judge", with its ledger.
        dataset: whose prompts and objective texts.
        both_orders: as in `judge_answers`.

    Returns:
        For each system and objective the `Tally` as a dictionary.

    Raises:
        DataError: as `compare`.
    """
    found = {}
    for name, path in answers.items():
        rows = [
            Answers(query, golden, None, text if text.strip() else None)
            for query, golden, text in zip(*read_answers(path), strict=True)
        ]
        result = judge_answers(
            rows,
            objectives,
            judge,
            output / "judged" / name,
            dataset=dataset,
            comparisons=[_COMPARISON],
            both_orders=both_orders,
        )
        found[name] = result.figures["comparisons"][_COMPARISON]
    return found
