"""All answers of a report, each with what became of it and what every evaluation said about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import pstdev

from langchain_metaaligner.evaluation.report.edits import EditedRow, edited_rows
from langchain_metaaligner.evaluation.report.judged import EDITS
from langchain_metaaligner.evaluation.report.texts import last_turn, shortened, text_diff
from langchain_metaaligner.evaluation.results import Result

Key = tuple[str, str, str]
_JUDGED = {"win": ("win", 1.0), "tied": ("tie", 0.0), "lose": ("loss", -1.0)}


@dataclass(frozen=True)
class Mark:
    """What an evaluation said about one answer.

    Attributes:
        label: in a word or two, such as "harmless: win".
        gain: above 0 for a better answer, below for a worse one; of about the size of 1.
    """

    label: str
    gain: float

    @property
    def kind(self) -> str:
        """The objective and whether the answer is better on it, as something to filter by."""
        words = {"better": "better", "worse": "worse", "even": "the same"}
        return f"{self.label.partition(':')[0]}: {words[self.tone]}"

    @property
    def tone(self) -> str:
        """The class of the page's style."""
        return "better" if self.gain > 0 else "worse" if self.gain < 0 else "even"


@dataclass(frozen=True)
class AnswerRow:
    """An answer on the page.

    Attributes:
        row: what became of it.
        marks: what evaluations said.
    """

    row: EditedRow
    marks: list[Mark] = field(default_factory=list)

    @property
    def gain(self) -> float | None:
        """All marks together; None without any."""
        return sum(mark.gain for mark in self.marks) if self.marks else None

    @property
    def heading(self) -> str:
        """The last question, shortened."""
        return shortened(last_turn(self.row.question) or self.row.draft)

    @property
    def is_long(self) -> bool:
        """Whether the heading is not the whole question."""
        return self.heading != self.row.question.strip()

    @property
    def kinds(self) -> list[str]:
        """What the page can be filtered by: the decision, its reason, and what marks say."""
        reason = [f"kept: {self.row.reason}"] if self.row.reason else []
        return [self.row.decision, *reason, *(mark.kind for mark in self.marks)]

    @property
    def change(self) -> str:
        """The change as HTML."""
        return text_diff(self.row.draft, self.row.answer)

    @property
    def length(self) -> int:
        """By how many characters it grew."""
        return len(self.row.answer) - len(self.row.draft)


def answer_rows(
    files: Sequence[Path], results: Sequence[Result], escaped: bool = False
) -> Iterator[AnswerRow]:
    """The answers of files of ``align-file``; without any, those that evaluations looked at.

    Args:
        files: the files.
        results: evaluations of the same answers; those of others say nothing about them.
        escaped: whether CSV files are in the research's dialect.
    """
    marks: dict[Key, list[Mark]] = defaultdict(list)
    for result in results:
        for key, mark in _MARKS.get(result.kind, _no_marks)(result):
            marks[key].append(mark)
    rows: Iterable[EditedRow] = (row for path in files for row in edited_rows(path, escaped))
    if not files:
        rows = (
            EditedRow(number, *key, "unchanged" if key[1] == key[2] else "edited", "", "")
            for number, key in enumerate(marks, 1)
        )
    for row in rows:
        yield AnswerRow(row, marks.get(_key(row.question, row.draft, row.answer), []))


def _key(question: str | None, draft: str | None, answer: str | None) -> Key:
    return (question or "").strip(), (draft or "").strip(), (answer or "").strip()


def _no_marks(result: Result) -> Iterator[tuple[Key, Mark]]:
    return iter(())


def _judge_marks(result: Result) -> Iterator[tuple[Key, Mark]]:
    for row in result.rows():
        if row["comparison"] == EDITS and row["outcome"] in _JUDGED:
            word, gain = _JUDGED[row["outcome"]]
            key = _key(row["query"], row["second"], row["first"])
            yield key, Mark(f"{row['objective']}: {word}", gain)


def _rating_marks(result: Result) -> Iterator[tuple[Key, Mark]]:
    texts: dict[int, dict[str, str]] = defaultdict(dict)
    scores: dict[tuple[int, str], dict[str, float | None]] = defaultdict(dict)
    queries: dict[int, str] = {}
    for row in result.rows():
        queries[row["row"]] = row["query"]
        texts[row["row"]][row["column"]] = row["response"]
        scores[row["row"], row["objective"]][row["column"]] = row["score"]
    for (number, objective), by_column in scores.items():
        before, after = (by_column.get(f"{name}_responses") for name in ("origin", "aligned"))
        if before is not None and after is not None:
            both = (texts[number][f"{name}_responses"] for name in ("origin", "aligned"))
            mark = Mark(f"{objective}: {before:g} → {after:g}", (after - before) / 10)
            yield _key(queries[number], *both), mark


def _reward_marks(result: Result) -> Iterator[tuple[Key, Mark]]:
    """Changes of each reward model; gains in its own standard deviations, so that they add up."""
    rows = [row for row in result.rows() if row["before"] and row["after"]]
    for name in rows[0]["before"] if rows else ():
        changes = [row["after"][name] - row["before"][name] for row in rows]
        spread = pstdev(changes) or 1.0
        for row, change in zip(rows, changes, strict=True):
            key = _key(row["query"], row["origin"], row["aligned"])
            yield key, Mark(f"{name}: {change:+.2f}", change / spread)


_MARKS = {"judge": _judge_marks, "rating": _rating_marks, "reward": _reward_marks}


@dataclass(frozen=True)
class Examples:
    """Answers that are shown in full.

    Attributes:
        title: what they have in common.
        rows: the answers.
    """

    title: str
    rows: list[AnswerRow]


def examples(rows: Sequence[AnswerRow], each: int = 3) -> list[Examples]:
    """The largest gains and losses, and drafts that were kept, one a reason.

    Where nothing was evaluated, edited answers from all over the file stand in their place.
    """
    marked = sorted((row for row in rows if row.gain), key=lambda row: row.gain or 0.0)
    gains = [row for row in reversed(marked) if (row.gain or 0) > 0][:each]
    losses = [row for row in marked if (row.gain or 0) < 0][:each]
    edited = [row for row in rows if row.row.decision == "edited"]
    spread = edited[:: max(1, len(edited) // each)][:each] if not marked else []
    kept = {row.row.reason: row for row in reversed(rows) if row.row.decision == "kept"}
    groups = [
        Examples("Largest gains", gains),
        Examples("Largest losses", losses),
        Examples("Some of the edits", spread),
        Examples("Drafts that were kept", list(kept.values())[:each]),
    ]
    return [group for group in groups if group.rows]
