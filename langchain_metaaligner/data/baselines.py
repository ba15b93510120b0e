"""Training data of the methods that aligners are compared with: SFT (RiC), CDPO and reward models.

All three read what the aligner's builders read. By default rows that cannot be used are counted
and left out, pairs are shuffled before some are set aside, and 15,000 are set aside but at most a
tenth.
``research_compat=True`` writes the research scripts' bytes; the documentation names each
difference. Sources: ``*_make_sft_data.py``, ``*_make_CDPO_data.py``, ``*_make_RM_data.py``.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from langchain_metaaligner.data import compat, hh_rlhf
from langchain_metaaligner.data.report import BuildReport
from langchain_metaaligner.data.spool import VALIDATION, validation_size
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS, TEST_COLUMNS, rating_of
from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Problems

Baseline = Literal["sft", "cdpo", "reward-model"]
PAIR_COLUMNS = ("queries", "chosen_responses", "reject_responses")


@dataclass(frozen=True)
class Scheme:
    """How rewards stand in the prompts of a data set.

    Attributes:
        names: of the rewards, as the prompts have them.
        targets: the fixed rewards of CDPO and of inference: the highest of the training data.
        files: names of the reward models' files.
    """

    names: tuple[str, ...]
    targets: tuple[float, ...]
    files: tuple[str, ...]

    def prompt(self, query: str, rewards: Sequence[float] | None = None) -> str:
        r"""A query that carries rewards; by itself the targets.

        >>> SCHEMES["UltraFeedback"].prompt("Why?", (3, 5, 4, 1))[:42]
        '<instruction_following>: 3; <honesty>: 5; '
        """
        told = zip(self.names, self.targets if rewards is None else rewards, strict=True)
        return "; ".join(f"<{name}>: {reward}" for name, reward in told) + f" | {query}"


SCHEMES = {
    "HH-RLHF": Scheme(
        ("Harmlessness", "Helpfulness", "Humour"),
        (4.19, 3.03, 1.58),
        ("harmless", "helpfulness", "humour"),
    ),
    "UltraFeedback": Scheme(
        ("instruction_following", "honesty", "truthfulness", "helpfulness"),
        (5, 5, 5, 5),
        ("IF", "honesty", "truthful", "helpful"),
    ),
}


@dataclass(frozen=True)
class Rated:
    """A query with its answers, each with one score an objective.

    Attributes:
        query: as it stands in the prompts.
        answers: (text, scores); under ``research_compat`` a text may be no text and a score nan.
    """

    query: str
    answers: tuple[tuple[Any, tuple[float, ...]], ...]


def sft_prompt(dataset: str, query: str, rewards: Sequence[float] | None = None) -> str:
    """The prompt of reward-conditioned SFT; at inference with the fixed targets.

    Raises:
        DataError: if the data set has no scheme of rewards.

    >>> sft_prompt("HH-RLHF", "Why?")
    '<Harmlessness>: 4.19; <Helpfulness>: 3.03; <Humour>: 1.58 | Why?'
    """
    if dataset not in SCHEMES:
        raise DataError(
            f"The data set {dataset!r} has no scheme of rewards.{nearest(dataset, SCHEMES)} "
            f"Give one of: {', '.join(SCHEMES)}."
        )
    return SCHEMES[dataset].prompt(query, rewards)


def split_response(text: str) -> tuple[str, str]:
    r"""A dialogue as (prompt, response): what a reward model of the research is given.

    Source: ``Instructions`` in the research's PPO code.

    >>> split_response("\n\nHuman: hi \n\nAssistant:hello")
    ('\n\nHuman: hi \n\nAssistant:', 'hello')
    """
    *turns, response = text.split("\n\nAssistant:")
    return "\n\nAssistant:".join(turns).rstrip() + " \n\nAssistant:", response.strip()


def build_baseline(
    baseline: Baseline,
    dataset: str,
    source: Path,
    output: Path,
    *,
    seed: int,
    test: Path | None = None,
    validation: int | None = None,
    research_compat: bool = False,
    problems: Problems | None = None,
) -> BuildReport:
    """Write the training data of a baseline.

    Writes ``train.json`` and ``val.json`` (SFT), ``train.csv`` and ``val.csv`` (CDPO), or
    ``OBJECTIVE_train.csv`` and ``OBJECTIVE_val.csv`` (reward models) into ``output``, and
    ``test.csv`` where UltraFeedback test records are given (SFT and CDPO).

    Args:
        baseline: "sft", "cdpo" or "reward-model".
        dataset: "HH-RLHF" (the scored CSV) or "UltraFeedback" (raw records, one a line).
        source: the file.
        output: a folder, made if it is not there.
        seed: of all shuffling.
        test: UltraFeedback's test records.
        validation: how many are set aside; by itself 15,000, and by default at most a tenth.
        research_compat: the research scripts' bytes after ``random.seed(seed)``.
        problems: where problems are counted.

    Raises:
        DataError: if a file cannot be read, or an option cannot work.
    """
    if baseline not in get_args(Baseline):
        raise DataError(
            f"The baseline {baseline!r} is unknown.{nearest(baseline, get_args(Baseline))} "
            f"Give one of: {', '.join(get_args(Baseline))}."
        )
    report, rng = BuildReport(problems or Problems()), random.Random(seed)
    scheme = SCHEMES[dataset]
    golden: list[tuple[str, str]] | None = None
    if dataset == "UltraFeedback" and baseline != "reward-model":
        report.output += ["Preparing the test data...", "Test data prepared!"]
        golden = list(compat._golden(test, report.problems)) if test else []
    read = _readers(dataset, research_compat)
    rated = list(read(source, report.problems))
    if dataset == "UltraFeedback":
        report.output.append(f"Totally {_count(source)} queries for training")
    output.mkdir(parents=True, exist_ok=True)
    writer = _Writer(output, rng, validation, research_compat, report)
    if baseline == "sft":
        writer.conversations(_sft(rated, scheme, dataset), dataset, golden)
    elif baseline == "cdpo":
        writer.pairs(_cdpo(rated, scheme), dataset, golden)
    else:
        for index, name in enumerate(scheme.files):
            writer.halves(name, list(_ranked(rated, index)))
        if dataset == "HH-RLHF":
            report.output.append("Done!")
    if golden is not None:
        pd.DataFrame(golden, columns=TEST_COLUMNS).to_csv(
            output / "test.csv", index=False, escapechar="\\"
        )
        report.sizes["test.csv"] = len(golden)
    report.problems.flush()
    return report


def _readers(dataset: str, research_compat: bool) -> Callable[[Path, Problems], Iterable[Rated]]:
    if dataset == "HH-RLHF":
        return _read_hh_rlhf_as_research if research_compat else _read_hh_rlhf
    return _read_ultrafeedback


def _two_decimals(score: float) -> float:
    return float(f"{score:.2f}")


def _read_hh_rlhf_as_research(path: Path, problems: Problems) -> Iterator[Rated]:
    for row in compat._read_table(path).to_dict("records"):
        if isinstance(row["chosen_response"], float) or isinstance(row["rejected_response"], float):
            continue
        yield Rated(row["prompt"], tuple(_answer(row, side) for side in ("chosen", "rejected")))


def _answer(row: dict[str, Any], side: str) -> tuple[Any, tuple[float, ...]]:
    scores = tuple(_two_decimals(row[f"{side}_score{k}"]) for k in (1, 2, 3))
    return row[f"{side}_response"], scores


def _read_hh_rlhf(path: Path, problems: Problems) -> Iterator[Rated]:
    problems.begin()
    for line, row in csv_rows(path, hh_rlhf.COLUMNS, problems):
        empty = [name for name in hh_rlhf.COLUMNS[:3] if not row[name].strip()]
        if empty:
            problems.found("empty answer", path.name, line, f"column {empty[0]}")
            continue
        numbers = {name: hh_rlhf.parse_number(row[name]) for name in hh_rlhf.SCORES}
        missing = [name for name, number in numbers.items() if number is None]
        if missing:
            problems.found("bad rating", path.name, line, f"column {missing[0]}")
            continue
        if not problems.repeats(row["prompt"], path.name, line):
            rated = {**row, **numbers}
            answers = tuple(_answer(rated, side) for side in ("chosen", "rejected"))
            # -0.0, which the research prints, is no other reward than 0.0.
            yield Rated(row["prompt"], tuple((t, tuple(s + 0.0 for s in v)) for t, v in answers))


def _read_ultrafeedback(path: Path, problems: Problems) -> Iterator[Rated]:
    for line, query, completions in compat._records(path, problems):
        answers = []
        for completion in completions:
            ratings = [rating_of(completion, name) for name in ANNOTATIONS]
            if all(isinstance(one, str) and one.isdecimal() for one in ratings):
                answers.append((completion.get("response"), tuple(int(str(r)) for r in ratings)))
            else:
                problems.found("bad rating", path.name, line, f"ratings: {ratings}")
        yield Rated(query, tuple(answers))


def _count(path: Path) -> int:
    return sum(1 for _ in compat._records(path, Problems()))


def _sft(rated: Iterable[Rated], scheme: Scheme, dataset: str) -> Iterator[tuple[str, str]]:
    for one in rated:
        for text, scores in one.answers:
            if isinstance(text, str):
                yield scheme.prompt(one.query, scores), text


def _cdpo(rated: Iterable[Rated], scheme: Scheme) -> Iterator[tuple[str, Any, Any]]:
    for one in rated:
        query = scheme.prompt(one.query)
        for first, second in combinations(one.answers, 2):
            distances = [
                -sum(
                    abs(target - score)
                    for target, score in zip(scheme.targets, scores, strict=True)
                )
                for _, scores in (first, second)
            ]
            if any(map(math.isnan, distances)):
                raise DataError(
                    f"All arrays must be of the same length: answers to {one.query[:60]!r} have no "
                    "score, on which the research script fails. Build without research_compat."
                )
            better, worse = (first, second) if distances[0] >= distances[1] else (second, first)
            yield query, better[0], worse[0]


def _ranked(rated: Iterable[Rated], index: int) -> Iterator[tuple[str, Any, Any]]:
    for one in rated:
        for first, second in combinations(one.answers, 2):
            lower = first[1][index] < second[1][index]
            better, worse = (second, first) if lower else (first, second)
            yield one.query, better[0], worse[0]


class _Writer:
    def __init__(
        self,
        folder: Path,
        rng: random.Random,
        validation: int | None,
        research_compat: bool,
        report: BuildReport,
    ) -> None:
        self._folder = folder
        self._rng = rng
        self._validation = validation
        self._compat = research_compat
        self._report = report

    def _aside(self, rows: int) -> int:
        if self._compat:
            return VALIDATION if self._validation is None else self._validation
        return validation_size(rows, self._validation)

    def conversations(
        self, items: Iterable[tuple[str, str]], dataset: str, golden: Sequence[Any] | None
    ) -> None:
        rows = [
            {
                "id": at,
                "conversations": [
                    {"from": "human", "value": prompt},
                    {"from": "gpt", "value": text},
                ],
            }
            for at, (prompt, text) in enumerate(items)
        ]
        self._rng.shuffle(rows)
        if dataset == "HH-RLHF":
            self._report.output.append(str(len(rows)))
        aside = self._aside(len(rows))
        for name, part in (("train.json", rows[aside:]), ("val.json", rows[:aside])):
            (self._folder / name).write_text(json.dumps(part), encoding="utf-8")
            self._report.sizes[name] = len(part)
        told = f"Train: {len(rows[aside:])}, val: {len(rows[:aside])}"
        self._report.output.append(told if golden is None else f"{told}, test: {len(golden)}")

    def pairs(
        self, pairs: Iterable[tuple[str, Any, Any]], dataset: str, golden: Sequence[Any] | None
    ) -> None:
        rows = list(pairs)
        if not self._compat:
            self._rng.shuffle(rows)
        if dataset == "HH-RLHF":
            self._report.output.append(str(len(rows)))
        aside = self._aside(len(rows))
        self._csv("train.csv", rows[aside:])
        self._csv("val.csv", rows[:aside])
        self._report.output.append(f"Train: {len(rows[aside:])}, val: {len(rows[:aside])}")

    def halves(self, name: str, rows: list[tuple[str, Any, Any]]) -> None:
        if not self._compat:
            self._rng.shuffle(rows)
        half = len(rows) // 2
        aside = VALIDATION if self._validation is None else self._validation
        self._csv(f"{name}_train.csv", rows[:half])
        self._csv(f"{name}_val.csv", rows[half : half + aside])

    def _csv(self, name: str, rows: Sequence[tuple[str, Any, Any]]) -> None:
        frame = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
        frame.to_csv(self._folder / name, index=False, escapechar="\\")
        self._report.sizes[name] = len(rows)
