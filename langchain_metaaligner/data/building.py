"""Dynamic multi-objective data sets: preferences in, a folder of training data out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from langchain_metaaligner.data.hh_rlhf import read_hh_rlhf
from langchain_metaaligner.data.imhi import read_imhi
from langchain_metaaligner.data.preferences import Preference, WeakToStrong, weak_to_strong
from langchain_metaaligner.data.problems import OnProblem, Problems
from langchain_metaaligner.data.ultrafeedback import read_golden, read_ultrafeedback
from langchain_metaaligner.data.writing import Layout, Spool, shuffled, validation_size
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.templates import EditTemplate

SPLITS = ("train", "test")
#: Wraps what a builder reads, to show how far it is, as ``tqdm`` does.
Progress = Callable[[Iterable[Preference]], Iterable[Preference]]


@dataclass
class BuildReport:
    """What a builder made.

    Attributes:
        sizes: number of pairs, or of queries, in each file.
        aspects: how many contrastive pairs have 1, 2, … objectives.
        problems: what was wrong with the input.
        output: lines as the research script prints them, under ``research_compat``.
    """

    problems: Problems
    sizes: dict[str, int] = field(default_factory=dict)
    aspects: Counter[int] = field(default_factory=Counter)
    output: list[str] = field(default_factory=list)


def build_hh_rlhf(
    scored: Path,
    output: Path,
    *,
    seed: int,
    split: str = "train",
    validation: int | None = None,
    warm_up: float = 0.1,
    on_problem: OnProblem = "skip",
    progress: Progress = iter,
) -> BuildReport:
    """Build the HH-RLHF data set from its scored CSV by Algorithm 1.

    Writes ``no_equal/train.json``, ``no_equal/val.json``, ``all_equal/train.json`` and
    ``warm_up/train.json`` (for the test split ``no_equal/test.json`` and ``all_equal/val.json``),
    all of them also as splits of ``datasets``, and ``problems.jsonl`` if there are problems.

    Args:
        scored: the CSV; see `hh_rlhf`.
        output: a folder, made if it is not there.
        seed: of all shuffling.
        split: ``"train"`` or ``"test"``.
        validation: contrastive pairs to set aside; see `validation_size`.
        warm_up: share of the equal pairs that also serve as identical pairs.
        on_problem: ``"skip"`` or ``"raise"``; see `Problems`.
        progress: wraps the preferences as they are read.

    Raises:
        DataError: if the file cannot be read, or the split is neither of the two.
    """
    check_split(split)
    problems = Problems(on_problem)
    preferences = progress(read_hh_rlhf(scored, problems))
    return _build(preferences, "HH-RLHF", output, seed, split, validation, warm_up, problems)


def build_ultrafeedback(
    records: Path,
    output: Path,
    *,
    seed: int,
    test: Path | None = None,
    validation: int | None = None,
    warm_up: float = 0.1,
    on_problem: OnProblem = "skip",
    progress: Progress = iter,
) -> BuildReport:
    """Build the UltraFeedback data set from raw records by Algorithm 1.

    As `build_hh_rlhf`; ``test``, if given, becomes ``no_equal/test.csv`` with a golden response to
    each query.
    """
    problems = Problems(on_problem)
    preferences = progress(read_ultrafeedback(records, problems))
    report = _build(
        preferences, "UltraFeedback", output, seed, "train", validation, warm_up, problems
    )
    if test is not None:
        golden = list(read_golden(test, problems))
        frame = pd.DataFrame(golden, columns=["query", "golden_response"])
        frame.to_csv(output / "no_equal" / "test.csv", index=False)
        report.sizes["no_equal/test.csv"] = len(golden)
        problems.write(output / "problems.jsonl")
    return report


def build_imhi(
    records: Path,
    output: Path,
    *,
    seed: int,
    split: str = "train",
    validation: int | None = None,
    warm_up: float = 0.1,
    on_problem: OnProblem = "skip",
    progress: Progress = iter,
) -> BuildReport:
    """Build an IMHI data set from expert ratings by Algorithm 1; see `imhi` and `build_hh_rlhf`."""
    check_split(split)
    problems = Problems(on_problem)
    preferences = progress(read_imhi(records, problems))
    return _build(preferences, "IMHI", output, seed, split, validation, warm_up, problems)


def check_split(split: str) -> None:
    """Refuse anything but ``train`` and ``test``.

    Raises:
        DataError: if it is neither.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}. Give one of: {', '.join(SPLITS)}.")


def _build(
    preferences: Iterable[Preference],
    template: str,
    output: Path,
    seed: int,
    split: str,
    validation: int | None,
    warm_up: float,
    problems: Problems,
) -> BuildReport:
    rng = random.Random(seed)
    form = EditTemplate.named(template)
    pairs = (pair for one in preferences for pair in weak_to_strong(one, form, rng))
    return write_pairs(pairs, output, rng, split, validation, warm_up, problems)


def write_pairs(
    pairs: Iterator[WeakToStrong],
    output: Path,
    rng: random.Random,
    split: str,
    validation: int | None,
    warm_up: float,
    problems: Problems,
) -> BuildReport:
    """Write pairs in the research's layout; see `build_hh_rlhf`."""
    report = BuildReport(problems)
    with Spool() as spool:
        for pair in pairs:
            spool.add(pair)
            if pair.mode == "better":
                report.aspects[len(pair.objectives)] += 1
        better, equal = shuffled(spool.better, rng), spool.equal
        identical = rng.sample(list(equal), round(warm_up * len(equal)))
        layout = Layout(spool, output)
        if split == "test":
            parts = {"no_equal/test": better, "all_equal/val": equal}
        else:
            aside = validation_size(len(better)) if validation is None else validation
            parts = {
                "no_equal/train": better[aside:],
                "no_equal/val": better[:aside],
                "all_equal/train": equal,
            }
        for name, places in parts.items():
            report.sizes[f"{name}.json"] = layout.part(name, places)
        if split == "train":
            name = "warm_up/train"
            report.sizes[f"{name}.json"] = layout.part(name, identical, identical=True)
        layout.finish()
    problems.write(output / "problems.jsonl")
    return report
