"""Dynamic multi-objective data sets: preferences in, a folder of training data out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from langchain_metaaligner.data import compat
from langchain_metaaligner.data.hh_rlhf import read_hh_rlhf
from langchain_metaaligner.data.imhi import read_expert_queries, read_imhi
from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
from langchain_metaaligner.data.released import numbered_conversations, read_prompt
from langchain_metaaligner.data.report import BuildReport, Progress, check_split
from langchain_metaaligner.data.spool import Layout, Spool, shuffled, validation_size
from langchain_metaaligner.data.ultrafeedback import TEST_COLUMNS, read_golden, read_ultrafeedback
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.csv import write_csv
from langchain_metaaligner.tables.problems import Duplicates, OnProblem, Problems
from langchain_metaaligner.templates import EditTemplate

__all__ = [
    "BuildReport",
    "build_hh_rlhf",
    "build_imhi",
    "build_released",
    "build_ultrafeedback",
    "check_split",
]


EQUAL_VALIDATION = 5_000
"""How many equal pairs the paper sets aside on UltraFeedback (Table 5)."""


def build_hh_rlhf(
    scored: Path,
    output: Path,
    *,
    seed: int,
    split: str = "train",
    validation: int | None = None,
    warm_up: float = 0.1,
    research_compat: bool = False,
    on_problem: OnProblem = "skip",
    duplicates: Duplicates | None = None,
    progress: Progress = iter,
) -> BuildReport:
    """Build the HH-RLHF data set from its scored CSV by Algorithm 1.

    Writes ``no_equal/train.json``, ``no_equal/val.json``, ``all_equal/train.json`` and
    ``warm_up/train.json`` (for the test split ``no_equal/test.json`` and ``all_equal/val.json``),
    all of them also as splits of ``datasets``, and ``problems.jsonl`` if there are problems.

    Args:
        scored: the CSV; see `read_hh_rlhf`.
        output: a folder, made if it is not there.
        seed: of all shuffling.
        split: ``"train"`` or ``"test"``.
        validation: contrastive pairs to set aside; by itself 15,000, and at most a tenth.
        warm_up: share of the equal pairs that also serve as identical pairs (section 3.2.2).
        research_compat: write what ``HH_RLHF_make_aligner_data.py`` writes, byte for byte, after
            ``random.seed(seed)``; its bugs too. There is no warm-up then, and 15,000 pairs are set
            aside unless ``validation`` says otherwise.
        on_problem: ``"skip"`` or ``"raise"``; see `Problems`.
        duplicates: ``"keep"``, ``"skip"`` or ``"raise"``; see `Problems`.
        progress: wraps the pairs as they are made, and again as they are written.

    Raises:
        DataError: if the file cannot be read, or an option cannot work.
    """
    check_split(split)
    problems = _problems(output, on_problem, duplicates, scored)
    if research_compat:
        return compat.build_hh_rlhf(
            scored, output, seed=seed, split=split, validation=validation, problems=problems,
            progress=progress,
        )  # fmt: skip
    pairs = _pairs(read_hh_rlhf(scored, problems), "HH-RLHF", rng := random.Random(seed))
    return _write(pairs, output, rng, split, validation, warm_up, problems, progress)


def build_ultrafeedback(
    records: Path,
    output: Path,
    *,
    seed: int,
    test: Path | None = None,
    validation: int | None = None,
    warm_up: float = 0.1,
    research_compat: bool = False,
    on_problem: OnProblem = "skip",
    duplicates: Duplicates | None = None,
    progress: Progress = iter,
) -> BuildReport:
    """Build the UltraFeedback data set from raw records by Algorithm 1.

    As `build_hh_rlhf`, and ``all_equal/val.json`` has equal pairs that are set aside: 5,000, and at
    most a tenth. ``test``, if given, becomes ``no_equal/test.csv`` with a golden response to each
    query. ``research_compat`` writes what ``UltraFeedback_make_aligner_data.py`` writes.
    """
    sources = (records, test) if test else (records,)
    problems = _problems(output, on_problem, duplicates, *sources)
    if research_compat:
        return compat.build_ultrafeedback(
            records, output, seed=seed, test=test, validation=validation, problems=problems,
            progress=progress,
        )  # fmt: skip
    pairs = _pairs(
        read_ultrafeedback(records, problems), "UltraFeedback", rng := random.Random(seed)
    )
    report = _write(
        pairs, output, rng, "train", validation, warm_up, problems, progress, EQUAL_VALIDATION
    )
    return _with_test(report, output, read_golden(test, problems) if test else None)


def build_imhi(
    ratings: Path,
    output: Path,
    *,
    seed: int,
    split: str = "train",
    test: Path | None = None,
    validation: int | None = None,
    warm_up: float = 0.1,
    on_problem: OnProblem = "skip",
    duplicates: Duplicates | None = None,
    progress: Progress = iter,
) -> BuildReport:
    """Build an IMHI data set from expert ratings by Algorithm 1; see `read_imhi`.

    As `build_hh_rlhf`; ``test``, a test file of the IMHI benchmark, becomes ``no_equal/test.csv``.
    """
    check_split(split)
    problems = _problems(output, on_problem, duplicates, *((ratings, test) if test else (ratings,)))
    pairs = _pairs(read_imhi(ratings, problems), "IMHI", rng := random.Random(seed))
    report = _write(pairs, output, rng, split, validation, warm_up, problems, progress)
    return _with_test(report, output, read_expert_queries(test, problems) if test else None)


def build_released(
    conversations: Path,
    output: Path,
    *,
    part: str = "no_equal/train",
    on_problem: OnProblem = "skip",
    progress: Progress = iter,
) -> BuildReport:
    """Take over released conversations, such as HH-RLHF-MetaAligner-Data, as they are.

    Kind and objectives are read out of the prompts. A prompt of no known template is a problem, and
    so is one without objectives, which the research's builders made of ties.

    Args:
        conversations: a JSON array, or JSON lines (``.jsonl``); see `read_conversations`.
        output: a folder, made if it is not there.
        part: which part of the data set this is.
        on_problem: ``"skip"`` or ``"raise"``; see `Problems`.
        progress: wraps the pairs as they are read, and again as they are written.
    """
    problems = _problems(output, on_problem, "keep", conversations)
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


def _problems(
    output: Path, on_problem: OnProblem, duplicates: Duplicates | None, *sources: Path
) -> Problems:
    problems = Problems(on_problem, duplicates, output / "problems.jsonl")
    problems.open_log(path.name for path in sources)
    return problems


def _pairs(
    preferences: Iterable[Preference], template: str, rng: random.Random
) -> Iterator[WeakToStrong]:
    form = EditTemplate.named(template)
    return (pair for one in preferences for pair in weak_to_strong(one, form, rng))


def _fill(spool: Spool, pairs: Iterable[WeakToStrong], report: BuildReport) -> None:
    for pair in pairs:
        spool.add(pair)
        if pair.mode == "better":
            report.aspects[len(pair.objectives)] += 1


def _write(
    pairs: Iterable[WeakToStrong],
    output: Path,
    rng: random.Random,
    split: str,
    validation: int | None,
    warm_up: float,
    problems: Problems,
    progress: Progress,
    equal_validation: int = 0,
) -> BuildReport:
    if not 0 <= warm_up <= 1:
        raise DataError(f"warm_up={warm_up} is no share. Give a number from 0 to 1.")
    report = BuildReport(problems)
    with Spool(output) as spool:
        _fill(spool, progress(pairs), report)
        better, equal = shuffled(spool.better, rng), spool.equal
        layout = Layout(spool, output, progress)
        if split == "test":
            parts = {"no_equal/test": better, "all_equal/val": equal}
        else:
            aside = validation_size(len(better), validation)
            parts = {"no_equal/train": better[aside:], "no_equal/val": better[:aside]}
            if equal_validation:
                equal = shuffled(equal, rng)
                aside = validation_size(len(equal), usual=equal_validation)
                parts["all_equal/val"], equal = equal[:aside], equal[aside:]
            parts["all_equal/train"] = equal
        for name, places in parts.items():
            report.sizes[f"{name}.json"] = layout.part(name, places)
        if split == "train" and warm_up:
            count = min(len(equal), max(1, round(warm_up * len(equal))))
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
