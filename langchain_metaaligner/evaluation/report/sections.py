"""The sections of a report: what each kind of evaluation tells."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import pandas

from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report import plots
from langchain_metaaligner.evaluation.results import Result

EXAMPLES = 4
_OUTCOMES = ("ties", "losses", "invalid", "errors", "absent")


@dataclass
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        words: what it says, in sentences.
        headings: of its table.
        rows: of its table.
        plots: (SVG, what it shows for those who cannot see it) pairs.
        examples: (heading, change as HTML) pairs.
    """

    title: str
    words: list[str] = field(default_factory=list)
    headings: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    plots: list[tuple[str, str]] = field(default_factory=list)
    examples: list[tuple[str, str]] = field(default_factory=list)


def share(value: float | None) -> str:
    """A share in percent; "none" where there is nothing that it is a share of."""
    return "none" if value is None else f"{value:.0%}"


def _between(interval: Sequence[float] | None, sign: str = "") -> str:
    return "" if not interval else f"({interval[0]:{sign}.0%} to {interval[1]:{sign}.0%})"


def _number(value: float | None, sign: str = "") -> str:
    return "none" if value is None else f"{value:{sign}.2f}"


def judge_sections(result: Result) -> list[Section]:
    """Win rates."""
    figures, told = result.figures, result.settings
    orders = "in both orders" if told.get("both_orders") else "in one order, drawn at random"
    calls = figures["calls"]
    section = Section(
        "Win rates",
        [
            f"{told['judge']} compared the answers to {figures['rows']:,} questions, pair by pair "
            f"and {orders}. A win counts only if every order agrees; a disagreement is a tie. The "
            "win rate is the share of strict wins of all pairs that could be judged, with a 95 % "
            "interval. A judge prefers long answers: the length-controlled figure is the rate that "
            "equal lengths would have, a tie counting half.",
        ],
        ("comparison", "objective", "win rate", "wins", *_OUTCOMES, "length-controlled",
         "characters, own / other"),
    )  # fmt: skip
    points = []
    for comparison, by in figures["comparisons"].items():
        for objective, tally in by.items():
            counts = [str(tally["wins"]), *(str(tally[name]) for name in _OUTCOMES)]
            lengths = f"{tally['length'] or 0:.0f} / {tally['other_length'] or 0:.0f}"
            rate = f"{share(tally['win_rate'])} {_between(tally['interval'])}"
            controlled = share(tally["length_controlled"])
            section.rows.append([comparison, objective, rate, *counts, controlled, lengths])
            if tally["win_rate"] is not None:
                points.append((f"{objective}: {comparison}", tally["win_rate"], *tally["interval"]))
    for objective, gain in figures["gains"].items():
        low, high = gain["interval"]
        verdict = "a gain" if low > 0 else "a loss" if high < 0 else "no clear change"
        section.words.append(
            f"On {objective} the win rate against the golden answers changed by "
            f"{gain['gain']:+.0%} {_between(gain['interval'], '+')} with the edit: {verdict}, over "
            f"{gain['rows']:,} questions."
        )
    section.words.append(
        f"{calls['asked']:,} replies were asked for, {calls['errors']:,} calls failed, "
        f"{calls['tokens_in']:,} tokens were read and {calls['tokens_out']:,} written."
    )
    if points:
        svg = plots.forest(points, 0.5, "win rate")
        section.plots.append((svg, "Win rates with intervals; the dashed line is one half."))
    return [section]


def rating_sections(result: Result) -> list[Section]:
    """Ratings from 0 to 10."""
    figures = result.figures
    section = Section(
        "Ratings",
        [
            f"{result.settings['judge']} rated each answer from 0 to 10, without seeing the other "
            "one. Intervals cover 95 %."
        ],
        ("objective", "answers", "mean", "quartiles", "scores", "invalid", "errors", "absent"),
    )
    for objective, by in figures["ratings"].items():
        for column, one in by.items():
            quartiles = ", ".join(f"{q:g}" for q in one["quartiles"] or ())
            counts = (str(one[name]) for name in ("n", "invalid", "errors", "absent"))
            section.rows.append([objective, column, _number(one["mean"]), quartiles, *counts])
    for objective, change in figures["changes"].items():
        low, high = change["interval"]
        section.words.append(
            f"On {objective} the rating changed by {change['mean']:+.2f} ({low:+.2f} to "
            f"{high:+.2f}) with the edit, over {change['rows']:,} answers."
        )
    if figures["ratings"]:
        svg = plots.histograms(figures["ratings"])
        section.plots.append((svg, "How many drafts and edits got each rating."))
    return [section]


def reward_sections(result: Result) -> list[Section]:
    """Rewards before and after, with the largest changes."""
    figures = dict(result.figures["rewards"])
    if result.figures.get("weighted"):
        figures["weighted"] = result.figures["weighted"]
    section = Section(
        "Rewards",
        [
            f"Scores of {result.settings['scorer']}, higher being better. "
            f"{result.figures['absent']:,} of {result.figures['rows']:,} rows have no draft or no "
            "edit and do not count."
        ],
        ("objective", "draft", "edit", "golden", "change", "improved", "rows"),
    )
    points = []
    for objective, one in figures.items():
        low, high = one["interval"]
        means = (_number(one[name]) for name in ("before", "after", "golden"))
        change = f"{one['change']:+.2f} ({low:+.2f} to {high:+.2f})"
        section.rows.append([objective, *means, change, share(one["improved"]), f"{one['rows']:,}"])
        points.append((objective, one["change"], low, high))
    if points:
        svg = plots.forest(points, 0.0, "change of the score")
        section.plots.append(
            (svg, "Changes of the scores with intervals; the dashed line is none.")
        )
    section.examples = list(_extremes(result))
    return [section]


def _extremes(result: Result) -> Iterator[tuple[str, str]]:
    """The largest gains and losses, as changes of the text."""
    changes = [
        (sum(row["after"].values()) - sum(row["before"].values()), row["row"], row)
        for row in result.rows()
        if row["before"] and row["after"]
    ]
    changes.sort(key=lambda one: one[:2])
    half = EXAMPLES // 2
    chosen = [*reversed(changes[-half:]), *changes[:half]] if len(changes) >= EXAMPLES else changes
    for change, number, row in chosen:
        heading = f"Row {number + 1}: {change:+.2f}. {row['query'][-160:]}"
        yield heading, text_diff(row["origin"], row["aligned"])


def imhi_sections(result: Result) -> list[Section]:
    """Labels and explanations on IMHI, and how metrics agree with people."""
    figures = result.figures
    metrics = sorted(
        {name for one in figures["datasets"].values() for name in one.get("metrics", ())}
    )
    section = Section(
        "IMHI",
        [
            figures["notice"],
            f"Labels are read from the outputs by {result.settings['labels']}. Outputs that name "
            "no class are out of the domain and get the default one.",
        ],
        ("data set", "rows", "accuracy", "weighted F1", "macro F1", "out of domain", "empty",
         *metrics),
    )  # fmt: skip
    for name, one in figures["datasets"].items():
        if "error" in one:
            section.rows.append([name, one["error"], *[""] * (5 + len(metrics))])
            continue
        shares = (f"{one[key]:.1f} %" for key in ("accuracy", "weighted_f1", "macro_f1"))
        unknown = one["out_of_domain"]
        counts = ("" if unknown is None else f"{unknown:,}", f"{one['empty']:,}")
        means = (_number(one["metrics"].get(metric)) for metric in metrics)
        section.rows.append([name, f"{one['rows']:,}", *shares, *counts, *means])
    sections = [section]
    if figures["correlations"]:
        people = Section(
            "How the metrics agree with people",
            ["Spearman's correlation with the mean of three people's ratings."],
            ("metric", *next(iter(figures["correlations"].values()))),
        )
        for metric, by in figures["correlations"].items():
            people.rows.append([metric, *(_number(one["spearman"]) for one in by.values())])
        sections.append(people)
    return sections


def edit_section(path: Path) -> Section:
    """What became of the drafts in a file of ``align-file``."""
    if path.suffix == ".csv":
        frame = pandas.read_csv(path, keep_default_na=False, escapechar="\\", dtype=str)
    elif path.suffix == ".jsonl":
        frame = pandas.read_json(path, lines=True, dtype=False)
    else:
        frame = pandas.read_parquet(path)
    wanted = ("origin_responses", "aligned_responses", "decision")
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise DataError(
            f"{path} lacks the columns {', '.join(absent)}. It has: {', '.join(frame.columns)}. "
            "Give a file as `metaaligner align-file` writes it, without --research-compat."
        )
    records = [row for row in frame.to_dict("records") if isinstance(row["decision"], str)]
    decisions = Counter(row["decision"] for row in records)
    reasons = Counter(row["reason"] for row in records if row["decision"] == "kept")
    edited = [row for row in records if row["decision"] == "edited"]
    section = Section(
        f"What became of the drafts: {path.name}",
        [
            f"Of {len(records):,} answers {decisions['edited']:,} were edited, "
            f"{decisions['unchanged']:,} came back unchanged, and {decisions['kept']:,} drafts "
            "were kept because there was no edit to accept."
        ],
        ("decision", "reason", "answers"),
        [
            ["edited", "", f"{decisions['edited']:,}"],
            ["unchanged", "", f"{decisions['unchanged']:,}"],
        ],
    )
    for reason, number in reasons.most_common():
        section.rows.append(["kept", str(reason), f"{number:,}"])
    if edited:
        before, after = (
            fmean(len(str(row[name])) for row in edited)
            for name in ("origin_responses", "aligned_responses")
        )
        section.words.append(
            f"An edited answer has {after:.0f} characters on average, its draft had {before:.0f}."
        )
    for row in edited[:EXAMPLES]:
        query = str(row.get("query", ""))[-160:]
        section.examples.append(
            (query, text_diff(str(row["origin_responses"]), str(row["aligned_responses"])))
        )
    return section


def text_diff(before: str, after: str) -> str:
    """The change word by word, as HTML for the page's own styles."""
    marks = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    record = Alignment(text=after, original=before, decision="edited")
    return "".join(marks[kind].format(html.escape(text)) for kind, text in record.changes())
