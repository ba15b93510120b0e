"""Several ways to better answers side by side, by the reward models of their objectives.

Source: Table 3 of the paper, which compares a policy, SFT, MODPO, MORLHF and aligners by their win
rates against the golden answers, and by the GPU hours of their training.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.compare.system_answers import GOLDEN, check_systems
from langchain_metaaligner.evaluation.intervals import standard_error, wilson
from langchain_metaaligner.evaluation.results import Progress, Result, no_progress, write_result
from langchain_metaaligner.models.spec import METADATA_FILE
from langchain_metaaligner.rewards.scorer import Reward
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome

Unit = tuple[str, str, str]
"""An objective, a query and an answer."""
BATCH = 16


class Scored(NamedTuple):
    """An answer and its rewards.

    Attributes:
        text: the answer.
        scores: by objective.
    """

    text: str
    scores: dict[str, float]


def compare(
    answers: Mapping[str, Path],
    rewards: Mapping[str, Reward],
    output: Path,
    *,
    models: Mapping[str, Path] | None = None,
    judged: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Result:
    """Compare the answers of several systems to the same queries.

    An answer wins on an objective if its reward is strictly higher than that of the golden answer.
    An empty answer always loses, and is no part of the mean rewards. A killed run that is started
    again scores only what is not in the ledger yet.

    Args:
        answers: for each system a file with questions, ``goldens``, and its answers in
            ``aligned_responses``, ``generated_text`` or ``response``.
        rewards: for each objective what scores (query, answer) pairs.
        output: folder for the result, the ledger and the plots.
        models: for some systems the folder of its trained model, which tells the time that its
            training took.
        judged: what a judge thinks of each system, by objective; see `judged_wins`.
        settings: whatever tells these rewards from others, such as their names.
        progress: called with the number of answers scored.

    Returns:
        The result, of kind "compare". Its figures hold ``systems``: for each ``win``, ``tie`` and
        ``lose`` (shares) and ``interval`` (of the wins, Wilson) by objective, ``win_mean``;
        ``reward`` and ``standard_error`` (of the mean) by objective, ``reward_mean``; ``rows``,
        ``empty``, and ``seconds`` in training by device, and ``judged``; and ``golden``: its
        rewards.

    Raises:
        DataError: if a file lacks a column or a golden answer, or the files have other queries.
        SettingError: if no system or no reward is given, or a model is one of no system.
    """
    tables = check_systems(answers, rewards, models or {})
    first = next(iter(tables.values()))
    seconds = {name: training_seconds(folder) for name, folder in (models or {}).items()}
    texts = {GOLDEN: first.goldens, **{name: table.texts for name, table in tables.items()}}
    ledger_settings = {"objectives": list(rewards), **(settings or {})}
    with Ledger(output / "ledger.jsonl", ledger_settings) as ledger:
        scores = _scores(texts, first.queries, rewards, ledger, progress)
    scored = {
        name: [
            Scored(text, {objective: scores[objective, query, text] for objective in rewards})
            if text.strip()
            else Scored(text, {})
            for query, text in zip(first.queries, column, strict=True)
        ]
        for name, column in texts.items()
    }
    figures = {
        "golden": _rewards(scored[GOLDEN], rewards),
        "systems": {
            name: _against(scored[name], scored[GOLDEN], rewards)
            | {"seconds": seconds.get(name), "judged": (judged or {}).get(name)}
            for name in answers
        },
    }
    rows = (
        {"query": query, "answers": {name: scored[name][at]._asdict() for name in texts}}
        for at, query in enumerate(first.queries)
    )
    shown = {**ledger_settings, "systems": list(answers), "rows": len(first.queries)}
    return write_result(output, "compare", shown, figures, rows)


def training_seconds(folder: Path) -> dict[str, float]:
    """Seconds of training by device, all that had to be trained before included.

    Before are the model that it started from and its reward models, where these are folders that
    our trainer wrote.

    Raises:
        DataError: if the folder does not tell.
    """
    path = folder / METADATA_FILE
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {METADATA_FILE}. Give the folder `final` of a training run."
        )
    metadata = json.loads(path.read_text(encoding="utf-8"))
    seconds: dict[str, float] = dict(metadata.get("device_seconds", {}))
    before = [metadata.get("base"), *metadata.get("rewards", {}).values()]
    for source in before:
        if source and Path(source, METADATA_FILE).is_file():
            for device, more in training_seconds(Path(source)).items():
                seconds[device] = seconds.get(device, 0.0) + more
    return seconds


def _scores(
    texts: Mapping[str, Sequence[str]],
    queries: Sequence[str],
    rewards: Mapping[str, Reward],
    ledger: Ledger,
    progress: Progress,
) -> dict[Unit, float]:
    """The reward of every answer with text, on every objective."""

    def make(missing: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        for objective in rewards:
            rest = (place for place, unit in enumerate(missing) if unit[0] == objective)
            while batch := list(islice(rest, BATCH)):
                pairs = [missing[place][1:] for place in batch]
                scores = checked_scores(objective, rewards[objective](pairs), len(pairs))
                for place, score in zip(batch, scores, strict=True):
                    yield place, {"score": score}
                progress(len(batch))

    units: list[Unit] = [
        (objective, query, text)
        for objective in rewards
        for column in texts.values()
        for query, text in zip(queries, column, strict=True)
        if text.strip()
    ]
    outcomes = ledger.complete(units, make, content=lambda unit: unit, together=BATCH)
    return {
        unit: outcome["score"]
        for unit, outcome in zip(units, outcomes, strict=True)
        if not isinstance(outcome, Failure)
    }


def checked_scores(objective: str, scores: Sequence[float], wanted: int) -> list[float]:
    """What a reward gave, as finite numbers, one for each answer.

    Raises:
        DataError: if it is anything else.
    """
    values = [float(score) for score in scores]
    if len(values) != wanted or not all(map(math.isfinite, values)):
        raise DataError(
            f"The reward of {objective} gave {values} for {wanted} answers. "
            "It must give a finite number for each."
        )
    return values


def _rewards(answers: Sequence[Scored], objectives: Iterable[str]) -> dict[str, Any]:
    scores = [answer.scores for answer in answers if answer.scores]
    by_objective = {name: [its[name] for its in scores] for name in objectives}
    means = {name: fmean(values) if values else None for name, values in by_objective.items()}
    return {
        "reward": means,
        "standard_error": {name: standard_error(values) for name, values in by_objective.items()},
        "reward_mean": fmean(mean for mean in means.values() if mean is not None)
        if scores
        else None,
    }


def _against(
    answers: Sequence[Scored], goldens: Sequence[Scored], objectives: Iterable[str]
) -> dict[str, Any]:
    figures: dict[str, Any] = {"win": {}, "tie": {}, "lose": {}, "interval": {}}
    rows = len(answers)
    for name in objectives:
        pairs = [
            (ours.scores.get(name, -math.inf), theirs.scores[name])
            for ours, theirs in zip(answers, goldens, strict=True)
        ]
        wins = sum(ours > theirs for ours, theirs in pairs)
        ties = sum(ours == theirs for ours, theirs in pairs)
        figures["win"][name] = wins / rows
        figures["tie"][name] = ties / rows
        figures["lose"][name] = (rows - wins - ties) / rows
        figures["interval"][name] = wilson(wins, rows)
    return {
        **figures,
        "win_mean": fmean(figures["win"].values()),
        **_rewards(answers, objectives),
        "rows": rows,
        "empty": sum(not answer.scores for answer in answers),
    }
