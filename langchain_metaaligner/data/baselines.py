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
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from langchain_metaaligner.data import compat
from langchain_metaaligner.data.options import BuildOptions
from langchain_metaaligner.data.rated import READERS, RatedQuery
from langchain_metaaligner.data.records import Records, records_of
from langchain_metaaligner.data.report import BuildReport
from langchain_metaaligner.data.schemes import Scheme, scheme_of
from langchain_metaaligner.data.spool import VALIDATION, validation_size
from langchain_metaaligner.data.ultrafeedback import read_golden
from langchain_metaaligner.errors import DataError, nearest
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.whole import whole_file

Baseline = Literal["sft", "cdpo", "reward-model"]
PAIR_COLUMNS = ("queries", "chosen_responses", "reject_responses")


def build_baseline(
    baseline: Baseline,
    dataset: str,
    source: Records | Path | str,
    output: Path,
    options: BuildOptions | None = None,
    *,
    test: Records | Path | str | None = None,
    **settings: Any,
) -> BuildReport:
    """Write the training data of a baseline.

    Writes ``train.json`` and ``val.json`` (SFT), ``train.csv`` and ``val.csv`` (CDPO), or
    ``OBJECTIVE_train.csv`` and ``OBJECTIVE_val.csv`` (reward models) into ``output``, and
    ``test.csv`` where UltraFeedback test records are given (SFT and CDPO).

    Args:
        baseline: "sft", "cdpo" or "reward-model".
        dataset: "HH-RLHF" (the scored CSV) or "UltraFeedback" (raw records, see `records_of`).
        source: the file.
        output: a folder, made if it is not there.
        options: how it is built; ``split`` and ``warm_up`` have no meaning here.
        test: UltraFeedback's test records.
        **settings: fields of `BuildOptions`, in place of ``options``; at least ``seed``.

    Raises:
        DataError: if a file cannot be read, or an option cannot work.
    """
    if baseline not in get_args(Baseline):
        raise DataError(
            f"The baseline {baseline!r} is unknown.{nearest(baseline, get_args(Baseline))} "
            f"Give one of: {', '.join(get_args(Baseline))}."
        )
    options = BuildOptions.of(options, settings)
    records, scheme = records_of(source), scheme_of(dataset)
    tested = None if test is None or baseline == "reward-model" else records_of(test)
    sources = [*records.sources, *(tested.sources if tested else ())]
    report = BuildReport(options.problems(output, sources))
    golden = _golden(tested, options, report.problems)
    queries = list(READERS[dataset, options.research_compat](records, report.problems))
    writer = _Writer(output, options, report)
    if baseline == "sft":
        writer.conversations(_conditioned(queries, scheme))
    elif baseline == "cdpo":
        writer.pairs(_nearer_to_target(queries, scheme))
    else:
        for index, name in enumerate(scheme.files):
            writer.halves(name, list(_higher(queries, index)))
    if dataset == "UltraFeedback" and baseline != "reward-model":
        with whole_file(output / "test.csv") as unfinished:
            report.sizes["test.csv"] = compat.write_best(unfinished, golden)
    if options.research_compat:
        report.output = _printed(baseline, dataset, records, report, len(golden))
    report.problems.flush()
    return report


def _golden(
    test: Records | None, options: BuildOptions, problems: Problems
) -> list[tuple[str, str]]:
    if test is None:
        return []
    return list((compat.read_best if options.research_compat else read_golden)(test, problems))


def _printed(
    baseline: Baseline, dataset: str, records: Records, report: BuildReport, tested: int
) -> list[str]:
    """What the research's script prints."""
    train, val, *_ = [*report.sizes.values()]
    sizes = f"Train: {train}, val: {val}"
    if dataset == "HH-RLHF":
        return ["Done!"] if baseline == "reward-model" else [str(train + val), sizes]
    queries = sum(1 for _ in compat.read_raw(records, Problems()))
    counted = [f"Totally {queries} queries for training"]
    if baseline == "reward-model":
        return counted
    if baseline == "sft":
        sizes += f", test: {tested}"
    return ["Preparing the test data...", "Test data prepared!", *counted, sizes]


def _conditioned(queries: Iterable[RatedQuery], scheme: Scheme) -> Iterator[tuple[str, str]]:
    """Each answer behind a prompt that names its rewards."""
    for query in queries:
        for text, scores in query.answers:
            if isinstance(text, str):
                yield scheme.prompt(query.query, scores), text


def _nearer_to_target(
    queries: Iterable[RatedQuery], scheme: Scheme
) -> Iterator[tuple[str, Any, Any]]:
    """Every two answers, the one first whose rewards are nearer to the target."""
    for query in queries:
        prompt = scheme.prompt(query.query)
        for pair in combinations(query.answers, 2):
            first, second = (
                -sum(map(abs, (t - s for t, s in zip(scheme.targets, scores, strict=True))))
                for _, scores in pair
            )
            if math.isnan(first) or math.isnan(second):
                raise DataError(
                    f"All arrays must be of the same length: answers to {query.query[:60]!r} have "
                    "no score, on which the research script fails. Build without research_compat."
                )
            chosen, rejected = pair if first >= second else pair[::-1]
            yield prompt, chosen[0], rejected[0]


def _higher(queries: Iterable[RatedQuery], index: int) -> Iterator[tuple[str, Any, Any]]:
    """Every two answers, the one first that an objective rates higher."""
    for query in queries:
        for first, second in combinations(query.answers, 2):
            lower = first[1][index] < second[1][index]
            chosen, rejected = (second, first) if lower else (first, second)
            yield query.query, chosen[0], rejected[0]


class _Writer:
    def __init__(self, folder: Path, options: BuildOptions, report: BuildReport) -> None:
        self._folder, self._options, self._report = folder, options, report
        self._rng = random.Random(options.seed)

    def conversations(self, items: Iterable[tuple[str, str]]) -> None:
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
        aside = self._aside(len(rows))
        for name, part in (("train.json", rows[aside:]), ("val.json", rows[:aside])):
            with whole_file(self._folder / name) as unfinished:
                unfinished.write_text(json.dumps(part), encoding="utf-8")
            self._report.sizes[name] = len(part)

    def pairs(self, pairs: Iterable[tuple[str, Any, Any]]) -> None:
        rows = list(pairs)
        if not self._options.research_compat:
            self._rng.shuffle(rows)
        aside = self._aside(len(rows))
        self._csv("train.csv", rows[aside:])
        self._csv("val.csv", rows[:aside])

    def halves(self, name: str, rows: list[tuple[str, Any, Any]]) -> None:
        if not self._options.research_compat:
            self._rng.shuffle(rows)
        half, validation = len(rows) // 2, self._options.validation
        self._csv(f"{name}_train.csv", rows[:half])
        aside = VALIDATION if validation is None else validation
        self._csv(f"{name}_val.csv", rows[half : half + aside])

    def _aside(self, rows: int) -> int:
        validation = self._options.validation
        if self._options.research_compat:
            return VALIDATION if validation is None else validation
        return validation_size(rows, validation)

    def _csv(self, name: str, rows: Sequence[tuple[str, Any, Any]]) -> None:
        frame = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
        with whole_file(self._folder / name) as unfinished:
            frame.to_csv(unfinished, index=False, escapechar="\\")
        self._report.sizes[name] = len(rows)
