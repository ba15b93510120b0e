"""Several ways to better answers side by side, by the reward models of their objectives.

Source: Table 3 of the paper, which compares a policy, SFT, MODPO, MORLHF and aligners by their win
rates against the golden answers, and by the GPU hours of their training.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.answers import (
    GOLDENS,
    column_of,
    first_of,
    question_column,
    text_of,
    whole_rows,
)
from langchain_metaaligner.evaluation.intervals import standard_error, wilson
from langchain_metaaligner.evaluation.results import Progress, Result, no_progress, write_result
from langchain_metaaligner.models.spec import METADATA_FILE
from langchain_metaaligner.rewards.scorer import Reward
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome
from langchain_metaaligner.tables.source import open_source

ANSWERS = ("aligned_responses", "generated_text", "response")
"""The columns in which an answer may be, the first one that is there."""
GOLDEN = "golden"
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


@dataclass(frozen=True)
class SystemAnswers:
    """What one system answered.

    Attributes:
        path: the file.
        queries: the questions.
        goldens: the golden answers.
        texts: the system's answers; an empty one is no answer.
    """

    path: Path
    queries: list[str]
    goldens: list[str]
    texts: list[str]


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


def check_systems(
    answers: Mapping[str, Path], objectives: Iterable[str], models: Mapping[str, Path]
) -> dict[str, SystemAnswers]:
    """Read all answers; what cannot be compared is found before any model is loaded.

    Raises:
        DataError: as `compare`.
        SettingError: as `compare`.
    """
    names = list(objectives)
    unknown = [name for name in models if name not in answers]
    if not answers or not names or unknown or GOLDEN in answers:
        raise SettingError(
            f"Systems: {', '.join(answers) or 'none'}; objectives: {', '.join(names) or 'none'}; "
            f"models of no system: {', '.join(unknown) or 'none'}. Give one file of answers for "
            f"each system at least, none of them called {GOLDEN!r}, one reward for each objective "
            "at least, and models by the names of their systems."
        )
    tables = {name: read_system(path) for name, path in answers.items()}
    first, *others = tables.values()
    for table in others:
        _check_same(first, table)
    return tables


def read_system(path: Path) -> SystemAnswers:
    """Read the answers of a system.

    Raises:
        DataError: if there is no such file, it lacks a column, or a golden answer is empty.
    """
    if not path.is_file():
        raise DataError(f"There is no {path}. Give a file with the answers of a system.")
    source = open_source(path)
    column = column_of(source, ANSWERS[0]) or first_of(source, ANSWERS)
    golden = first_of(source, GOLDENS)
    if column is None or golden is None:
        raise DataError(
            f"{path.name} has the columns {', '.join(source.columns)}. The answers are in one of: "
            f"{', '.join(ANSWERS)}; the golden ones in one of: {', '.join(GOLDENS)}."
        )
    asked = question_column(source)
    system = SystemAnswers(path, [], [], [])
    for number, row in enumerate(whole_rows(source), 1):
        if text_of(row[golden]) is None:
            raise DataError(
                f"{path.name}, row {number}: there is no golden answer to compare with. Fill it "
                "in, or take the row out of all files."
            )
        for texts, name in (
            (system.queries, asked), (system.goldens, golden), (system.texts, column),
        ):  # fmt: skip
            texts.append(row[name] if isinstance(row[name], str) else "")
    if not system.queries:
        raise DataError(f"{path.name} has no rows. Give the answers of a system.")
    return system


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


def _check_same(first: SystemAnswers, other: SystemAnswers) -> None:
    if len(first.queries) != len(other.queries):
        raise DataError(
            f"{first.path.name} has {len(first.queries):,} rows, {other.path.name} has "
            f"{len(other.queries):,}. Give the answers to the same queries, in the same order."
        )
    columns = (
        ("query", first.queries, other.queries),
        ("golden answer", first.goldens, other.goldens),
    )
    for what, ours, theirs in columns:
        pairs = enumerate(zip(ours, theirs, strict=True), 1)
        differs = next((number for number, (mine, its) in pairs if mine != its), None)
        if differs is not None:
            raise DataError(
                f"Row {differs} of {first.path.name} and of {other.path.name} has another {what}. "
                "Give the answers to the same queries, in the same order."
            )


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
