"""The research scripts' data sets, byte for byte, bugs included: ``research_compat=True``.

Sources: ``HH_RLHF_make_aligner_data.py`` and ``UltraFeedback_make_aligner_data.py``. What they do
differently from Algorithm 1 is listed in the documentation of the data sets. The scripts draw from
Python's global generator; ``random.Random(seed)`` gives what ``random.seed(seed)`` gave there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from langchain_metaaligner.data import hh_rlhf, ultrafeedback
from langchain_metaaligner.data.building import BuildReport, check_split
from langchain_metaaligner.data.lines import open_text
from langchain_metaaligner.data.preferences import WeakToStrong
from langchain_metaaligner.data.problems import Problems
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS, rating_of, read_golden
from langchain_metaaligner.data.writing import VALIDATION, Layout, Spool, shuffled
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.templates import EditTemplate, Mode


def build_hh_rlhf(scored: Path, output: Path, *, seed: int, split: str = "train") -> BuildReport:
    """What ``HH_RLHF_make_aligner_data.py`` makes of a scored CSV.

    The file is read as a whole by pandas, whose guesses at empty cells and types are part of the
    script's behaviour.

    Raises:
        DataError: if the file is not there, or lacks a column.
    """
    check_split(split)
    with open_text(scored) as file:
        table = pd.read_csv(file)
    absent = [name for name in hh_rlhf.COLUMNS if name not in table.columns]
    if absent:
        raise DataError(f"{scored.name} lacks the columns {', '.join(absent)}.")
    rng = random.Random(seed)
    report = BuildReport(Problems())
    with Spool() as spool:
        for pair in _hh_rlhf_pairs(table, rng, report):
            spool.add(pair)
        report.output += [str(len(spool.better))]
        report.output += [f"aspects{size}: {report.aspects[size]}" for size in (1, 2, 3)]
        report.output += [str(len(spool.equal))]
        better, layout = shuffled(spool.better, rng), Layout(spool, output)
        if split == "train":
            sizes = _write_train(layout, better, spool.equal, report)
            report.output.append("Train: {}, val: {}".format(*sizes))
        else:
            report.sizes["no_equal/test.json"] = layout.part("no_equal/test", better)
            report.sizes["all_equal/val.json"] = layout.part("all_equal/val", spool.equal)
            report.output.append(f"Test: {len(better)}")
        layout.finish()
    return report


def _write_train(
    layout: Layout, better: Sequence[int], equal: Sequence[int], report: BuildReport
) -> tuple[int, int]:
    parts = {
        "no_equal/train": better[VALIDATION:],
        "no_equal/val": better[:VALIDATION],
        "all_equal/train": equal,
    }
    for name, places in parts.items():
        report.sizes[f"{name}.json"] = layout.part(name, places)
    return len(parts["no_equal/train"]), len(parts["no_equal/val"])


def _hh_rlhf_pairs(
    table: pd.DataFrame, rng: random.Random, report: BuildReport
) -> Iterator[WeakToStrong]:
    make = _maker("HH-RLHF")
    for row in table.to_dict("records"):
        chosen, rejected = row["chosen_response"], row["rejected_response"]
        if isinstance(chosen, float) or isinstance(rejected, float):
            continue
        scores = {
            name: (row[f"chosen_score{k}"], row[f"rejected_score{k}"])
            for k, name in enumerate(hh_rlhf.OBJECTIVES, 1)
        }
        ours = [name for name, (a, b) in scores.items() if a > b]
        theirs = [name for name, (a, b) in scores.items() if a < b]
        same = [name for name, (a, b) in scores.items() if a == b]
        report.aspects.update((len(ours), len(theirs)))
        if ours:
            rng.shuffle(ours)
            yield make("better", ours, row["prompt"], rejected, chosen)
        if theirs:
            rng.shuffle(theirs)
            yield make("better", theirs, row["prompt"], chosen, rejected)
        if same:
            rng.shuffle(same)
            # The script puts the list of the pair before it here, not the equal objectives.
            yield make("equal", theirs, row["prompt"], rejected, chosen)


def build_ultrafeedback(
    records: Path, output: Path, *, seed: int, test: Path | None = None
) -> BuildReport:
    """What ``UltraFeedback_make_aligner_data.py`` makes of raw records.

    Raises:
        DataError: if a file is not there, or a line is no JSON object.
    """
    rng = random.Random(seed)
    report = BuildReport(Problems("raise"))
    report.output += ["Preparing the test data...", "Test data prepared!"]
    golden = list(read_golden(test, report.problems)) if test is not None else []
    with Spool() as spool:
        for pair in _ultrafeedback_pairs(records, rng, report):
            spool.add(pair)
        report.output += [str(len(spool.better))]
        report.output += [f"aspects{size}: {report.aspects[size]}" for size in (1, 2, 3, 4)]
        report.output += [str(len(spool.equal))]
        layout = Layout(spool, output)
        sizes = _write_train(layout, shuffled(spool.better, rng), spool.equal, report)
        report.output.append("Train: {}, val: {}, test: {}".format(*sizes, len(golden)))
        layout.finish()
    frame = pd.DataFrame(golden, columns=["query", "golden_response"])
    frame.to_csv(output / "no_equal" / "test.csv", index=False, escapechar="\\")
    report.sizes["no_equal/test.csv"] = len(golden)
    return report


def _ultrafeedback_pairs(
    path: Path, rng: random.Random, report: BuildReport
) -> Iterator[WeakToStrong]:
    with open_text(path) as lines:
        total = sum(1 for line in lines if line.strip())
    report.output.append(f"Totally {total} queries for training")
    make = _maker("UltraFeedback")
    with open_text(path) as lines:
        for count, line in enumerate((line for line in lines if line.strip()), 1):
            record = json.loads(line)
            yield from _query_pairs(record, rng, report, make)
            if count % 100 == 0:
                report.output.append(f"{count} queries processed.")


def _query_pairs(
    record: dict[str, Any],
    rng: random.Random,
    report: BuildReport,
    make: Callable[..., WeakToStrong],
) -> Iterator[WeakToStrong]:
    rated = []
    for completion in record["completions"]:
        ratings = [rating_of(completion, name) for name in ANNOTATIONS]
        if all(isinstance(rating, str) and rating.isdigit() for rating in ratings):
            rated.append((completion["response"], [int(str(rating)) for rating in ratings]))
    question, names = record["instruction"], list(ultrafeedback.ANNOTATIONS.values())
    for i, (first, ours) in enumerate(rated[:-1]):
        same: list[str] = []
        for second, theirs in rated[i + 1 :]:
            rows = list(zip(names, ours, theirs, strict=True))
            better = [name for name, a, b in rows if a > b]
            worse = [name for name, a, b in rows if a < b]
            same = [name for name, a, b in rows if a == b]
            # The smaller side is dropped, and a full tie still gives a pair without objectives.
            chosen = better if len(better) >= len(worse) else worse
            rng.shuffle(chosen)
            report.aspects[len(chosen)] += 1
            weak, strong = (second, first) if chosen is better else (first, second)
            yield make("better", chosen, question, weak, strong)
        if same:  # outside the loop: of the last pair alone
            rng.shuffle(same)
            yield make("equal", same, question, rated[-1][0], first)


def _maker(
    name: str,
) -> Callable[[Mode, Sequence[str], object, object, object], WeakToStrong]:
    """Make pairs whose list of objectives may be empty, as the scripts do."""
    template = EditTemplate.named(name)

    def make(
        mode: Mode, names: Sequence[str], question: object, weak: object, strong: object
    ) -> WeakToStrong:
        form = template.better if mode == "better" else template.equal
        aspects = "; ".join(template.objective_text(KNOWN[name]) for name in names)
        prompt = form.format(aspects=aspects, question=question, answer=weak)
        return WeakToStrong(mode, tuple(names), str(question), str(weak), strong, prompt)  # type: ignore[arg-type]

    return make
