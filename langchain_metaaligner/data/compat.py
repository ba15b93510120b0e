"""The research scripts' data sets, byte for byte, bugs included: ``research_compat=True``.

Sources: ``HH_RLHF_make_aligner_data.py`` and ``UltraFeedback_make_aligner_data.py``. What they do
differently from Algorithm 1 is listed in the documentation of the data sets. The scripts draw from
Python's global generator; ``random.Random(seed)`` gives what ``random.seed(seed)`` gave there.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from langchain_metaaligner.data import hh_rlhf
from langchain_metaaligner.data.options import BuildOptions
from langchain_metaaligner.data.preferences import WeakToStrong
from langchain_metaaligner.data.records import Records
from langchain_metaaligner.data.report import BuildReport
from langchain_metaaligner.data.spool import VALIDATION, Layout, Spool, shuffled
from langchain_metaaligner.data.ultrafeedback import ANNOTATIONS, TEST_COLUMNS, rating_of
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.objectives import KNOWN
from langchain_metaaligner.tables.csv import check_columns
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.text import open_text
from langchain_metaaligner.templates import EditTemplate, Mode


def build_hh_rlhf(
    scored: Path, output: Path, options: BuildOptions, problems: Problems
) -> BuildReport:
    """What ``HH_RLHF_make_aligner_data.py`` makes of a scored CSV.

    The file is read as a whole by pandas, whose guesses at empty cells and types are part of the
    script's behaviour. What the script leaves out is a problem; its line is then the number of the
    row.

    Raises:
        DataError: if the file is not there or is no table, or lacks a column.
    """
    table = read_table(scored)
    rng = random.Random(options.seed)
    report = BuildReport(problems)
    with Spool(output) as spool:
        for pair in options.progress(_hh_rlhf_pairs(table, scored.name, rng, report)):
            spool.add(pair)
        better = _counted(spool, report, 3, rng)
        layout = Layout(spool, output, options.progress)
        if options.split == "train":
            sizes = _write_train(layout, better, spool.equal, report, options.validation)
            report.output.append("Train: {}, val: {}".format(*sizes))
        else:
            report.sizes["no_equal/test.json"] = layout.part("no_equal/test", better)
            report.sizes["all_equal/val.json"] = layout.part("all_equal/val", spool.equal)
            report.output.append(f"Test: {len(better)}")
        layout.finish()
    report.problems.flush()
    return report


def read_table(scored: Path) -> pd.DataFrame:
    """The scored CSV as the scripts read it, with the guesses of pandas.

    Raises:
        DataError: if the file is not there or is no table, or lacks a column.
    """
    with open_text(scored) as file:
        try:
            table = pd.read_csv(file)
        except ValueError as error:  # the base of what pandas raises, and of decoding errors
            raise DataError(
                f"{scored.name} is no table that pandas reads: {error}. Mend the file, or build "
                "without research_compat, which leaves out the rows that are broken."
            ) from error
    check_columns(scored, list(table.columns), hh_rlhf.COLUMNS)
    return table


def _counted(spool: Spool, report: BuildReport, objectives: int, rng: random.Random) -> array[int]:
    report.output.append(str(len(spool.better)))
    report.output += [f"aspects{n}: {report.aspects[n]}" for n in range(1, objectives + 1)]
    report.output.append(str(len(spool.equal)))
    return shuffled(spool.better, rng)


def _write_train(
    layout: Layout,
    better: Sequence[int],
    equal: Sequence[int],
    report: BuildReport,
    validation: int | None,
) -> tuple[int, int]:
    aside = VALIDATION if validation is None else validation
    if aside < 0:
        raise DataError(f"validation={aside} cannot be set aside. Give 0 or more pairs.")
    parts = {
        "no_equal/train": better[aside:],
        "no_equal/val": better[:aside],
        "all_equal/train": equal,
    }
    for name, places in parts.items():
        report.sizes[f"{name}.json"] = layout.part(name, places)
    return len(parts["no_equal/train"]), len(parts["no_equal/val"])


def _hh_rlhf_pairs(
    table: pd.DataFrame, source: str, rng: random.Random, report: BuildReport
) -> Iterator[WeakToStrong]:
    make = _maker("HH-RLHF")
    for number, row in enumerate(table.to_dict("records"), 1):
        chosen, rejected = row["chosen_response"], row["rejected_response"]
        if isinstance(chosen, float) or isinstance(rejected, float):
            detail = f"row {number}: {chosen!r:.60}, {rejected!r:.60}"
            report.problems.found("empty answer", source, number, detail)
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
    records: Records,
    output: Path,
    options: BuildOptions,
    problems: Problems,
    test: Records | None = None,
) -> BuildReport:
    """What ``UltraFeedback_make_aligner_data.py`` makes of raw records.

    Raises:
        DataError: if a file is not there, or a record is not like those of UltraFeedback.
    """
    rng = random.Random(options.seed)
    report = BuildReport(problems)
    report.output += ["Preparing the test data...", "Test data prepared!"]
    golden = list(read_best(test, problems)) if test is not None else []
    with Spool(output) as spool:
        for pair in options.progress(_ultrafeedback_pairs(records, rng, report)):
            spool.add(pair)
        better = _counted(spool, report, 4, rng)
        layout = Layout(spool, output, options.progress)
        sizes = _write_train(layout, better, spool.equal, report, options.validation)
        report.output.append("Train: {}, val: {}, test: {}".format(*sizes, len(golden)))
        layout.finish()
    report.sizes["no_equal/test.csv"] = write_best(output / "no_equal" / "test.csv", golden)
    problems.flush()
    return report


def read_raw(records: Records, problems: Problems) -> Iterator[tuple[str, int, str, list[Any]]]:
    """File, line, query and completions of raw records, whatever these are worth."""
    for name, line, record in records.read(problems):
        completions = record.get("completions")
        if "instruction" in record and isinstance(completions, list):
            yield name, line, record["instruction"], [c for c in completions if isinstance(c, dict)]
        else:
            problems.found("missing field", name, line, "instruction or completions")


def read_best(records: Records, problems: Problems) -> Iterator[tuple[str, str]]:
    """Each query with the first answer of the highest sum of whole ratings."""
    for _, _, query, completions in read_raw(records, problems):
        rated: list[tuple[int, str]] = []
        for completion in completions:
            text = completion.get("response")
            if isinstance(text, str):
                ratings = [str(rating_of(completion, name)) for name in ANNOTATIONS]
                overall = sum(int(rating) for rating in ratings if rating.isdecimal())
                rated.append((overall, text))
        if rated:
            yield query, max(rated, key=lambda answer: answer[0])[1]  # the first of several


def write_best(path: Path, golden: Sequence[tuple[str, str]]) -> int:
    """Write queries and golden answers as the scripts do; return their number."""
    pd.DataFrame(golden, columns=TEST_COLUMNS).to_csv(path, index=False, escapechar="\\")
    return len(golden)


def whole_ratings(
    completion: dict[str, Any], source: str, line: int, problems: Problems
) -> list[int] | None:
    """The four ratings, where all are whole numbers in text, as the scripts want them."""
    ratings = [rating_of(completion, name) for name in ANNOTATIONS]
    if all(isinstance(rating, str) and rating.isdecimal() for rating in ratings):
        return [int(str(rating)) for rating in ratings]
    problems.found("bad rating", source, line, f"ratings: {ratings}")
    return None


def _ultrafeedback_pairs(
    records: Records, rng: random.Random, report: BuildReport
) -> Iterator[WeakToStrong]:
    place, count = len(report.output), 0
    make = _maker("UltraFeedback")
    raw = read_raw(records, report.problems)
    for count, (name, line, question, completions) in enumerate(raw, 1):
        rated = []
        for completion in completions:
            scores = whole_ratings(completion, name, line, report.problems)
            if scores is not None:
                rated.append((completion.get("response"), scores))
        yield from _query_pairs(question, rated, rng, report, make)
        if count % 100 == 0:
            report.output.append(f"{count} queries processed.")
    report.output.insert(place, f"Totally {count} queries for training")


def _query_pairs(
    question: str,
    rated: Sequence[tuple[Any, list[int]]],
    rng: random.Random,
    report: BuildReport,
    make: Callable[..., WeakToStrong],
) -> Iterator[WeakToStrong]:
    names = list(ANNOTATIONS.values())
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
