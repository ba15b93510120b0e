"""The parts of a report, and how figures are put into words on the page and in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_metaaligner.evaluation.intervals import Interval, net_win

NAMES: Mapping[str, str] = {
    "aligned against original": "edits against drafts",
    "aligned against golden": "edits against golden answers",
    "original against golden": "drafts against golden answers",
    "origin_responses": "drafts",
    "aligned_responses": "edits",
}
"""What people call the comparisons and columns of an evaluation."""


@dataclass(frozen=True)
class Outcomes:
    """Wins, ties and losses of one comparison, drawn as a bar with the net beside it.

    Attributes:
        label: what was compared.
        wins: how often the evaluated side was better.
        ties: how often neither was.
        losses: how often the other side was better.
    """

    label: str
    wins: int
    ties: int
    losses: int

    @property
    def net(self) -> tuple[float, Interval] | None:
        """Wins less losses as a share of all, and its interval; None of nothing."""
        return net_win(self.wins, self.ties, self.losses)

    @property
    def told(self) -> str:
        """The net in words."""
        return signed(*(self.net or (None, None)))

    @property
    def verdict(self) -> str:
        """What the net says."""
        return verdict(self.net and self.net[1])


@dataclass(frozen=True)
class Change:
    """A mean change with its interval, drawn as a point on a line around none.

    Attributes:
        label: of what.
        value: the change.
        interval: of it; None of a single value.
        reach: the largest change that the line shows, to both sides.
    """

    label: str
    value: float
    interval: Sequence[float] | None
    reach: float

    @property
    def told(self) -> str:
        """The change in words."""
        return change(self.value, self.interval)

    @property
    def verdict(self) -> str:
        """What it says."""
        return verdict(self.interval)


@dataclass(frozen=True)
class Finding:
    """A line of the verdict.

    Attributes:
        subject: the objective.
        measure: how it was measured.
        told: the figure in words, with its interval.
        verdict: "better", "worse" or "no clear difference"; "" where there is no interval.
    """

    subject: str
    measure: str
    told: str
    verdict: str


@dataclass
class Table:
    """A table: its headings, and rows of cells in words."""

    headings: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)

    def is_number(self, place: int) -> bool:
        """Whether a column holds figures, which stand to the right."""
        cells = [row[place] for row in self.rows if row[place]]
        return (
            place > 0
            and bool(cells)
            and all(cell[:1].isdigit() or cell[:1] in "+-" or cell == "none" for cell in cells)
        )


@dataclass
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        words: what it says, in sentences.
        headings: of its table.
        rows: of its table.
        details: a second table, which is folded.
        outcomes: bars of wins, ties and losses.
        changes: points with intervals around none.
        plots: (SVG, what it shows for those who cannot see it) pairs.
        examples: (heading, change as HTML) pairs.
        findings: what it adds to the verdict at the top.
    """

    title: str
    words: list[str] = field(default_factory=list)
    headings: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    details: Table = field(default_factory=Table)
    outcomes: list[Outcomes] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    plots: list[tuple[str, str]] = field(default_factory=list)
    examples: list[tuple[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def tables(self) -> list[Table]:
        """Its tables that have rows."""
        return [table for table in (Table(self.headings, self.rows), self.details) if table.rows]


def share(value: float | None) -> str:
    """A share in percent; "none" where there is nothing that it is a share of."""
    return "none" if value is None else f"{value:.0%}"


def signed(value: float | None, interval: Sequence[float] | None) -> str:
    """A net share in percent, with its interval.

    >>> signed(0.3125, (0.2, 0.41)), signed(None, None)
    ('+31% (+20% to +41%)', 'none')
    """
    if value is None:
        return "none"
    between = "" if not interval else f" ({interval[0]:+.0%} to {interval[1]:+.0%})"
    return f"{value:+.0%}{between}"


def counted(number: int, unit: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "reply")
    ('1 row', '1,200 rows', '2 replies')
    """
    plural = f"{unit[:-1]}ies" if unit.endswith("ly") else f"{unit}s"
    return f"{number:,} {unit if number == 1 else plural}"


def verdict(interval: Sequence[float] | None) -> str:
    """What an interval around 0 says.

    >>> verdict((0.1, 0.3)), verdict((-0.1, 0.1)), verdict(None)
    ('better', 'no clear difference', '')
    """
    if not interval:
        return ""
    low, high = interval
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def number(value: float | None, sign: str = "", digits: int = 2) -> str:
    """A figure; "none" where there is none."""
    return "none" if value is None else f"{value:{sign}.{digits}f}"


def change(value: float, interval: Sequence[float] | None, digits: int = 2) -> str:
    """A change with its interval; more digits where two of them would be zeros.

    >>> change(0.5, (0.25, 0.75)), change(-0.0012, (-0.004, 0.002))
    ('+0.50 (+0.25 to +0.75)', '-0.0012 (-0.0040 to +0.0020)')
    """
    figures = (value, *(interval or ()))
    if 0 < max(map(abs, figures)) < 10 ** (1 - digits):
        digits += 2
    told, *ends = (f"{figure + 0.0:+.{digits}f}" for figure in figures)
    return f"{told} ({ends[0]} to {ends[1]})" if ends else told


def calls_told(calls: Mapping[str, Any], price: float | None = None) -> str:
    """What a judge was asked, in a sentence, with its price where that of a token is known."""
    cost = "" if price is None else f" (about {calls['tokens_in'] * price / 1e6:.2f} to ask)"
    sentence = (
        f"{counted(calls['asked'], 'call')}, {calls['errors']:,} of them failed, "
        f"{calls['tokens_in']:,} tokens read{cost} and {calls['tokens_out']:,} written."
    )
    failures = "; ".join(f"{n:,} × {reason}" for reason, n in calls.get("failures", {}).items())
    return f"{sentence} Failures: {failures}." if failures else sentence
