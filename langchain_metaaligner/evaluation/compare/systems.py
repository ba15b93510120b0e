"""Several ways to better answers side by side, by the reward models of their objectives.

Source: Table 3 of the paper, which compares a policy, SFT, MODPO, MORLHF and aligners by their win
rates against the golden answers, and by the GPU hours of their training.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from scipy.stats import binomtest

from langchain_metaaligner.errors import DataError, SettingError
from langchain_metaaligner.evaluation.results import Result, write_result
from langchain_metaaligner.models.spec import METADATA_FILE
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.ledger import Ledger
from langchain_metaaligner.tables.problems import Problems

#: Scores (query, answer) pairs.
Scorer = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
#: The columns in which an answer may be, the first one that is there.
ANSWERS = ("aligned_responses", "generated_text", "response")
GOLDEN = "golden"
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
    scorers: Mapping[str, Scorer],
    output: Path,
    *,
    models: Mapping[str, Path] | None = None,
    judged: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Result:
    """Compare the answers of several systems to the same queries.

    An answer wins on an objective if its reward is strictly higher than that of the golden answer.
    An empty answer always loses, and is no part of the mean rewards. A killed run that is started
    again scores only what is not in the ledger yet.

    Args:
        answers: for each system a CSV file with ``query``, ``goldens``, and its answers in
            ``aligned_responses``, ``generated_text`` or ``response``.
        scorers: for each objective what scores (query, answer) pairs.
        output: folder for the result, the ledger and the plots.
        models: for some systems the folder of its trained model, which tells the time that its
            training took.
        judged: what a judge thinks of each system, by objective; see `judged_wins`.
        settings: whatever tells these scorers from others, such as their names.
        progress: wraps the batches as they are scored.

    Returns:
        The result, of kind "compare". Its figures hold ``systems``: for each ``win``, ``tie`` and
        ``lose`` (shares) and ``interval`` (95 %, Wilson) by objective, ``win_mean``; ``reward`` and
        ``deviation`` (of the mean) by objective, ``reward_mean``; ``rows``, ``empty``, and
        ``seconds`` in training by device, and ``judged``; and ``golden``: its rewards.

    Raises:
        DataError: if a file lacks a column or a golden answer, or the files have other queries.
        SettingError: if no system or no scorer is given, or a model is one of no system.
    """
    unknown = [name for name in models or {} if name not in answers]
    if not answers or not scorers or unknown or GOLDEN in answers:
        raise SettingError(
            f"Systems: {', '.join(answers) or 'none'}; objectives: {', '.join(scorers) or 'none'}; "
            f"models of no system: {', '.join(unknown) or 'none'}. Give one file of answers for "
            f"each system at least, none of them called {GOLDEN!r}, one scorer for each objective "
            "at least, and models by the names of their systems."
        )
    told = {"objectives": list(scorers), **(settings or {})}
    tables = {name: read_answers(path) for name, path in answers.items()}
    queries, goldens = _same_queries(tables, answers)
    seconds = {name: training_seconds(folder) for name, folder in (models or {}).items()}
    texts = {GOLDEN: goldens, **{name: table[2] for name, table in tables.items()}}
    with Ledger(output / "ledger.jsonl", told) as ledger:
        units = [
            (objective, query, text)
            for objective in scorers
            for column in texts.values()
            for query, text in zip(queries, column, strict=True)
            if text.strip()
        ]
        todo = [unit for unit in dict.fromkeys(units) if ledger.find(ledger.key(*unit)) is None]
        for batch in progress(_batches(todo)):
            _score(batch, scorers, ledger)
        scored = {
            name: [
                Scored(text, _found(ledger, scorers, query, text))
                for query, text in zip(queries, column, strict=True)
            ]
            for name, column in texts.items()
        }
    figures = {
        "golden": _rewards(scored[GOLDEN], scorers),
        "systems": {
            name: _against(scored[name], scored[GOLDEN], scorers)
            | {"seconds": seconds.get(name), "judged": (judged or {}).get(name)}
            for name in answers
        },
    }
    rows = (
        {"query": query, "answers": {name: scored[name][at]._asdict() for name in texts}}
        for at, query in enumerate(queries)
    )
    shown = {**told, "systems": list(answers), "rows": len(queries)}
    return write_result(output, "compare", shown, figures, rows)


def read_answers(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Read queries, golden answers and answers.

    Raises:
        DataError: if there is no such file, it lacks a column, or a golden answer is empty.
    """
    if not path.is_file():
        raise DataError(f"There is no {path}. Give a CSV file with the answers of a system.")
    queries, goldens, answers = [], [], []
    for line, row in csv_rows(path, ("query", "goldens"), Problems("raise")):
        column = next((name for name in ANSWERS if name in row), None)
        if column is None:
            raise DataError(
                f"{path.name} has the columns {', '.join(row)}. The answers are in one of: "
                f"{', '.join(ANSWERS)}."
            )
        if not row["goldens"].strip():
            raise DataError(
                f"{path.name}, line {line}: there is no golden answer to compare with. Fill it in, "
                "or take the row out of all files."
            )
        queries.append(row["query"])
        goldens.append(row["goldens"])
        answers.append(row[column])
    if not queries:
        raise DataError(f"{path.name} has no rows. Give the answers of a system.")
    return queries, goldens, answers


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
    told = json.loads(path.read_text(encoding="utf-8"))
    seconds: dict[str, float] = dict(told.get("device_seconds", {}))
    before = [told.get("base"), *told.get("rewards", {}).values()]
    for source in before:
        if source and Path(source, METADATA_FILE).is_file():
            for device, more in training_seconds(Path(source)).items():
                seconds[device] = seconds.get(device, 0.0) + more
    return seconds


def _same_queries(
    tables: Mapping[str, tuple[list[str], list[str], list[str]]], paths: Mapping[str, Path]
) -> tuple[list[str], list[str]]:
    (first, (queries, goldens, _)), *others = tables.items()
    for name, (found, their_goldens, _) in others:
        if len(found) != len(queries):
            raise DataError(
                f"{paths[first].name} has {len(queries):,} rows, {paths[name].name} has "
                f"{len(found):,}. Give the answers to the same queries, in the same order."
            )
        columns = (("query", queries, found), ("golden answer", goldens, their_goldens))
        for what, ours, theirs in columns:
            pairs = enumerate(zip(ours, theirs, strict=True), 1)
            other = next((row for row, (one, another) in pairs if one != another), None)
            if other is not None:
                raise DataError(
                    f"Row {other} of {paths[first].name} and of {paths[name].name} has another "
                    f"{what}. Give the answers to the same queries, in the same order."
                )
    return queries, goldens


def _batches(units: Sequence[tuple[str, str, str]]) -> list[list[tuple[str, str, str]]]:
    """Cut units into batches of one objective each."""
    batches = []
    for objective in dict.fromkeys(unit[0] for unit in units):
        rest: Iterator[tuple[str, str, str]] = (unit for unit in units if unit[0] == objective)
        while batch := list(islice(rest, BATCH)):
            batches.append(batch)
    return batches


def _score(
    batch: Sequence[tuple[str, str, str]], scorers: Mapping[str, Scorer], ledger: Ledger
) -> None:
    objective = batch[0][0]
    found = [float(one) for one in scorers[objective]([(query, text) for _, query, text in batch])]
    if len(found) != len(batch) or not all(map(math.isfinite, found)):
        raise DataError(
            f"The scorer of {objective} gave {found} for {len(batch)} answers. "
            "It must give a finite number for each."
        )
    pairs = zip(batch, found, strict=True)
    ledger.add_all((ledger.key(*unit), {"score": score}) for unit, score in pairs)


def _found(ledger: Ledger, objectives: Iterable[str], query: str, text: str) -> dict[str, float]:
    lines = ((name, ledger.find(ledger.key(name, query, text))) for name in objectives)
    return {name: line["score"] for name, line in lines if line}


def _rewards(answers: Sequence[Scored], objectives: Iterable[str]) -> dict[str, Any]:
    told = [answer.scores for answer in answers if answer.scores]
    by_objective = {name: [scores[name] for scores in told] for name in objectives}
    reward = {name: fmean(them) if them else None for name, them in by_objective.items()}
    return {
        "reward": reward,
        "deviation": {
            name: stdev(them) / math.sqrt(len(them)) if len(them) > 1 else 0.0
            for name, them in by_objective.items()
        },
        "reward_mean": fmean(one for one in reward.values() if one is not None) if told else None,
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
        figures["interval"][name] = list(binomtest(wins, rows).proportion_ci(method="wilson"))
    return {
        **figures,
        "win_mean": fmean(figures["win"].values()),
        **_rewards(answers, objectives),
        "rows": rows,
        "empty": sum(not answer.scores for answer in answers),
    }
