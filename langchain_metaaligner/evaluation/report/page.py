"""One report of any number of evaluations: a self-contained HTML page and a Markdown table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.about import Run, about_file, about_result
from langchain_metaaligner.evaluation.report.answer_rows import (
    AnswerRow,
    Examples,
    answer_rows,
    examples,
)
from langchain_metaaligner.evaluation.report.benchmark import imhi_sections
from langchain_metaaligner.evaluation.report.comparison import compare_sections, unseen_sections
from langchain_metaaligner.evaluation.report.edits import edit_section
from langchain_metaaligner.evaluation.report.judged import judge_sections, rating_sections
from langchain_metaaligner.evaluation.report.rewarded import reward_sections
from langchain_metaaligner.evaluation.report.sections import Finding, Section, calls_told
from langchain_metaaligner.evaluation.results import RESULT, Result, read_result
from langchain_metaaligner.tables.source import READ, format_of

TITLE = "What the edits gain"
ROWS = 1_000
"""Answers that the page shows one by one, by default."""
MARK = '<meta name="generator" content="langchain-metaaligner">'
"""What tells a report of ours from any other file, in HTML and in Markdown."""

_MAKERS: Mapping[str, Callable[[Result], list[Section]]] = {
    "judge": judge_sections,
    "rating": rating_sections,
    "reward": reward_sections,
    "imhi": imhi_sections,
    "unseen": unseen_sections,
    "compare": compare_sections,
}


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        runs: what it is made of.
        sections: what each run says.
        rows: answers one by one, at most as many as were asked for.
        total: how many answers there are.
    """

    runs: list[Run]
    sections: list[Section]
    rows: list[AnswerRow]
    total: int

    @property
    def findings(self) -> list[Finding]:
        """What the sections add to the verdict."""
        return [finding for section in self.sections for finding in section.findings]

    @property
    def examples(self) -> list[Examples]:
        """Answers that are shown in full."""
        return examples(self.rows)

    @property
    def kinds(self) -> list[str]:
        """What the answers can be filtered by."""
        kinds = {kind for row in self.rows for kind in row.kinds}
        decisions = [kind for kind in ("edited", "unchanged", "kept") if kind in kinds]
        return [*decisions, *sorted(kinds.difference(decisions))]

    @property
    def verdict(self) -> list[str]:
        """The verdict in sentences, one for each way of measuring."""
        by_measure: dict[str, dict[str, list[str]]] = {}
        for finding in self.findings:
            by_verdict = by_measure.setdefault(finding.measure, {})
            by_verdict.setdefault(finding.verdict, []).append(finding.subject)
        return [
            f"{measure[0].upper()}{measure[1:]}: "
            + "; ".join(
                f"{says or 'too few answers to say'} on {_listed(by_verdict[says])}"
                for says in ("better", "worse", "no clear difference", "")
                if says in by_verdict
            )
            + "."
            for measure, by_verdict in by_measure.items()
        ]


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sections_of(result: Result) -> list[Section]:
    """What a result says.

    Raises:
        DataError: if no report shows results of its kind.
    """
    if result.kind not in _MAKERS:
        raise DataError(
            f"{result.folder} holds a result of the kind {result.kind!r}, which no report shows. "
            f"Known are: {', '.join(_MAKERS)}."
        )
    try:
        return _MAKERS[result.kind](result)
    except KeyError as error:
        raise DataError(
            f"{result.folder} holds figures of another version: {error} is absent. "
            "Run the same evaluation again: it makes them anew from its ledger and pays nothing."
        ) from error


def make_report(
    runs: Sequence[Path], escaped: bool = False, rows: int = ROWS, price: float | None = None
) -> Report:
    """A report of some runs.

    Args:
        runs: folders that ``metaaligner evaluate`` wrote, and files that ``align-file`` wrote.
        escaped: whether CSV files among them are in the research's dialect.
        rows: answers that are shown one by one, from the first on.
        price: of a million tokens that a judge reads, for its cost.

    Raises:
        DataError: if there is none, or one of them is neither.
    """
    if not runs:
        raise DataError("Give a run: a folder of `evaluate`, or a file of `align-file`.")
    sections: list[Section] = []
    results: list[Result] = []
    files: list[Path] = []
    made: list[Run] = []
    for run in runs:
        if run.is_dir():
            result = read_result(run)
            results.append(result)
            sections += _priced(sections_of(result), result, price)
            made.append(about_result(result))
        elif format_of(run) and run.is_file():
            files.append(run)
            sections.append(edit_section(run, escaped))
            made.append(about_file(run))
        else:
            raise DataError(f"{run} is neither a folder with {RESULT} nor {READ}.")
    each = answer_rows(files, results, escaped)
    shown = list(islice(each, rows))
    return Report(made, sections, shown, len(shown) + sum(1 for _ in each))


def _priced(sections: list[Section], result: Result, price: float | None) -> list[Section]:
    calls = result.figures.get("calls")
    if calls is not None and price is not None:
        plain, priced = calls_told(calls), calls_told(calls, price)
        for section in sections:
            section.words = [priced if words == plain else words for words in section.words]
    return sections


def as_html(report: Report, title: str = TITLE) -> str:
    """The report as one page that needs nothing else."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["raw"] = Markup
    template = environment.get_template("report.html.j2")
    return template.render(report=report, title=title, mark=MARK)


def as_markdown(report: Report, title: str = TITLE) -> str:
    """The report's sentences and tables as Markdown."""
    parts = [MARK, f"# {title}", *report.verdict]
    for section in report.sections:
        parts += [f"## {section.title}", *section.words]
        for table in section.tables:
            cells = [table.headings, ["---"] * len(table.headings), *table.rows]
            parts.append("\n".join(f"| {' | '.join(map(_cell, row))} |" for row in cells))
    parts.append("## How it was made")
    for run in report.runs:
        facts = "; ".join(f"{name}: {value}" for name, value in run.facts.items())
        parts.append(f"- {run.name} ({run.kind}): {_cell(facts)}")
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
