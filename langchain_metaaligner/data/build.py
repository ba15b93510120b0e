"""Dynamic multi-objective data sets: preferences in, a folder of training data out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from langchain_metaaligner.data import compat
from langchain_metaaligner.data.hh_rlhf import read_hh_rlhf
from langchain_metaaligner.data.imhi import read_expert_queries, read_imhi
from langchain_metaaligner.data.options import BuildOptions
from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
from langchain_metaaligner.data.records import Records, records_of
from langchain_metaaligner.data.released import numbered_conversations, read_prompt
from langchain_metaaligner.data.report import BuildReport
from langchain_metaaligner.data.spool import Layout, Spool, shuffled, validation_size
from langchain_metaaligner.data.ultrafeedback import TEST_COLUMNS, read_golden, read_ultrafeedback
from langchain_metaaligner.tables.csv import write_csv
from langchain_metaaligner.tables.problems import OnProblem, Problems
from langchain_metaaligner.templates import EditTemplate

EQUAL_VALIDATION = 5_000
"""How many equal pairs the paper sets aside on UltraFeedback (Table 5)."""


def build_hh_rlhf(
    scored: Path, output: Path, options: BuildOptions | None = None, **settings: Any
) -> BuildReport:
    """Build the HH-RLHF data set from its scored CSV by Algorithm 1.

    Writes ``no_equal/train.json``, ``no_equal/val.json``, ``all_equal/train.json`` and
    ``warm_up/train.json`` (for the test split ``no_equal/test.json`` and ``all_equal/val.json``),
    all of them also as splits of ``datasets``, and ``problems.jsonl`` if there are problems.

    Args:
        scored: the CSV; see `read_hh_rlhf`.
        output: a folder, made if it is not there.
        options: how it is built.
        **settings: fields of `BuildOptions`, in place of ``options``; at least ``seed``.

    Raises:
        DataError: if the file cannot be read, or an option cannot work.
    """
    options = BuildOptions.of(options, settings)
    problems = options.problems(output, [scored.name])
    if options.research_compat:
        return compat.build_hh_rlhf(scored, output, options, problems)
    pairs = _pairs(read_hh_rlhf(scored, problems), "HH-RLHF", rng := random.Random(options.seed))
    return _write(pairs, output, rng, options, problems)


def build_ultrafeedback(
    records: Records | Path | str,
    output: Path,
    options: BuildOptions | None = None,
    *,
    test: Records | Path | str | None = None,
    **settings: Any,
) -> BuildReport:
    """Build the UltraFeedback data set from raw records by Algorithm 1.

    As `build_hh_rlhf`, and ``all_equal/val.json`` has equal pairs that are set aside: 5,000, and at
    most a tenth. ``test``, if given, becomes ``no_equal/test.csv`` with a golden response to each
    query. ``research_compat`` writes what ``UltraFeedback_make_aligner_data.py`` writes.

    Args:
        records: see `records_of`; `Records.divided` makes the research's two parts.
        output: a folder, made if it is not there.
        options: how it is built.
        test: the records of the test part.
        **settings: fields of `BuildOptions`, in place of ``options``; at least ``seed``.

    Raises:
        DataError: as `build_hh_rlhf`.
    """
    options = BuildOptions.of(options, settings)
    training = records_of(records)
    tested = None if test is None else records_of(test)
    problems = options.problems(output, [*training.sources, *(tested.sources if tested else ())])
    if options.research_compat:
        return compat.build_ultrafeedback(training, output, options, problems, tested)
    preferences = read_ultrafeedback(training, problems)
    pairs = _pairs(preferences, "UltraFeedback", rng := random.Random(options.seed))
    report = _write(pairs, output, rng, options, problems, EQUAL_VALIDATION)
    return _with_test(report, output, read_golden(tested, problems) if tested else None)


def build_imhi(
    ratings: Path,
    output: Path,
    options: BuildOptions | None = None,
    *,
    test: Path | None = None,
    **settings: Any,
) -> BuildReport:
    """Build an IMHI data set from expert ratings by Algorithm 1; see `read_imhi`.

    As `build_hh_rlhf`; ``test``, a test file of the IMHI benchmark, becomes ``no_equal/test.csv``.
    """
    options = BuildOptions.of(options, settings)
    problems = options.problems(output, [path.name for path in (ratings, test) if path])
    pairs = _pairs(read_imhi(ratings, problems), "IMHI", rng := random.Random(options.seed))
    report = _write(pairs, output, rng, options, problems)
    return _with_test(report, output, read_expert_queries(test, problems) if test else None)


def build_released(
    conversations: Path,
    output: Path,
    *,
    part: str = "no_equal/train",
    on_problem: OnProblem = "skip",
    progress: Any = iter,
) -> BuildReport:
    """Take over released conversations, such as HH-RLHF-MetaAligner-Data, as they are.

    Kind and objectives are read out of the prompts; ids count anew. A prompt of no known template
    is a problem, and so is one without objectives, which the research's builders made of ties.

    Args:
        conversations: a JSON array, or JSON lines (``.jsonl``); see `read_conversations`.
        output: a folder, made if it is not there.
        part: which part of the data set this is.
        on_problem: ``"skip"`` or ``"raise"``; see `Problems`.
        progress: wraps the pairs as they are read, and again as they are written.
    """
    options = BuildOptions(seed=0, on_problem=on_problem, duplicates="keep", progress=progress)
    problems = options.problems(output, [conversations.name])
    report = BuildReport(problems)
    with Spool(output) as spool:
        _fill(spool, progress(_taken_over(conversations, problems)), report)
        layout = Layout(spool, output, progress)
        both = sorted([*spool.better, *spool.equal])
        report.sizes[f"{part}.json"] = layout.part(part, both)
        layout.finish()
    problems.flush()
    return report


def _taken_over(conversations: Path, problems: Problems) -> Iterator[WeakToStrong]:
    source = conversations.name
    for number, (prompt, completion) in numbered_conversations(conversations, problems):
        parts = read_prompt(prompt)
        if parts is None:
            problems.found("missing field", source, number, "a prompt of no known template")
        elif not parts.objectives:
            problems.found("no objective", source, number, prompt[-60:])
        else:
            yield WeakToStrong(parts.mode, parts.objectives, "", "", completion, prompt)


def _pairs(
    preferences: Iterable[Preference], template: str, rng: random.Random
) -> Iterator[WeakToStrong]:
    form = EditTemplate.named(template)
    return (pair for preference in preferences for pair in weak_to_strong(preference, form, rng))


def _fill(spool: Spool, pairs: Iterable[WeakToStrong], report: BuildReport) -> None:
    for pair in pairs:
        spool.add(pair)
        if pair.mode == "better":
            report.aspects[len(pair.objectives)] += 1


def _write(
    pairs: Iterable[WeakToStrong],
    output: Path,
    rng: random.Random,
    options: BuildOptions,
    problems: Problems,
    equal_validation: int = 0,
) -> BuildReport:
    report = BuildReport(problems)
    with Spool(output) as spool:
        _fill(spool, options.progress(pairs), report)
        better, equal = shuffled(spool.better, rng), spool.equal
        layout = Layout(spool, output, options.progress)
        if options.split == "test":
            parts = {"no_equal/test": better, "all_equal/val": equal}
        else:
            aside = validation_size(len(better), options.validation)
            parts = {"no_equal/train": better[aside:], "no_equal/val": better[:aside]}
            if equal_validation:
                equal = shuffled(equal, rng)
                aside = validation_size(len(equal), usual=equal_validation)
                parts["all_equal/val"], equal = equal[:aside], equal[aside:]
            parts["all_equal/train"] = equal
        for name, places in parts.items():
            report.sizes[f"{name}.json"] = layout.part(name, places)
        if options.split == "train" and options.warm_up:
            count = min(len(equal), max(1, round(options.warm_up * len(equal))))
            identical = [equal[index] for index in rng.sample(range(len(equal)), count)]
            name = "warm_up/train"
            report.sizes[f"{name}.json"] = layout.part(name, identical, identical=True)
        layout.finish()
    problems.flush()
    return report


def _with_test(
    report: BuildReport, output: Path, golden: Iterable[tuple[str, str]] | None
) -> BuildReport:
    if golden is not None:
        name = "no_equal/test.csv"
        report.sizes[name] = write_csv(output / name, TEST_COLUMNS, golden)
        report.problems.flush()
    return report
