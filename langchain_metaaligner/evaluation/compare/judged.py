"""Win rates of several systems against the golden answers, by a judge: Table 3 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_metaaligner.evaluation.answers import Answers, text_of
from langchain_metaaligner.evaluation.compare.system_answers import read_system
from langchain_metaaligner.evaluation.judge.ask import Judge
from langchain_metaaligner.evaluation.judge.win_rates import judge_answers
from langchain_metaaligner.evaluation.results import Progress, file_name, no_progress

_COMPARISON = "aligned against golden"


def judged_wins(
    answers: Mapping[str, Path],
    objectives: Sequence[str],
    judge: Judge,
    output: Path,
    *,
    dataset: str = "UltraFeedback",
    both_orders: bool = True,
    progress: Progress = no_progress,
) -> dict[str, dict[str, Any]]:
    """Let a judge compare each system's answers with the golden ones.

    Args:
        answers: for each system its file; see `compare`.
        objectives: names, aliases, or ``"Name: description"``.
        judge: who is asked.
        output: folder; ``judged/NAME`` in it is a result of kind "judge", with its ledger.
        dataset: whose prompts and objective texts.
        both_orders: as in `judge_answers`.
        progress: called after each call.

    Returns:
        For each system and objective the `Tally` as a dictionary.

    Raises:
        DataError: as `compare`.
    """
    judged = {}
    for name, path in answers.items():
        system = read_system(path)
        texts = zip(system.queries, system.goldens, system.texts, strict=True)
        result = judge_answers(
            [Answers(query, golden, None, text_of(text)) for query, golden, text in texts],
            objectives,
            judge,
            output / "judged" / file_name(name),
            dataset=dataset,
            comparisons=[_COMPARISON],
            both_orders=both_orders,
            progress=progress,
        )
        judged[name] = result.figures["comparisons"][_COMPARISON]
    return judged
