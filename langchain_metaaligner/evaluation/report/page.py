"""One report of any number of evaluations: a self-contained HTML page and a Markdown table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.benchmark import imhi_sections
from langchain_metaaligner.evaluation.report.comparison import compare_sections, unseen_sections
from langchain_metaaligner.evaluation.report.edits import edit_section
from langchain_metaaligner.evaluation.report.sections import (
    Section,
    judge_sections,
    rating_sections,
    reward_sections,
)
from langchain_metaaligner.evaluation.results import RESULT, Result, read_result
from langchain_metaaligner.tables.source import READ, format_of

_MAKERS: Mapping[str, Callable[[Result], list[Section]]] = {
    "judge": judge_sections,
    "rating": rating_sections,
    "reward": reward_sections,
    "imhi": imhi_sections,
    "unseen": unseen_sections,
    "compare": compare_sections,
}


def sections_of(result: Result) -> list[Section]:
    """What a result tells.

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


def make_report(runs: Sequence[Path], escaped: bool = False) -> list[Section]:
    """The sections of a report.

    Args:
        runs: folders that ``metaaligner evaluate`` wrote, and files that ``align-file`` wrote.
        escaped: whether CSV files among them are in the research's dialect.

    Raises:
        DataError: if there is none, or one of them is neither.
    """
    if not runs:
        raise DataError("Give a run: a folder of `evaluate`, or a file of `align-file`.")
    sections: list[Section] = []
    how = Section("How it was measured", [], ("run", "kind", "settings"))
    for run in runs:
        if run.is_dir():
            result = read_result(run)
            sections += sections_of(result)
            settings = "; ".join(f"{name}: {_setting(it)}" for name, it in result.settings.items())
            how.rows.append([run.name, result.kind, settings])
        elif format_of(run) and run.is_file():
            sections.append(edit_section(run, escaped))
        else:
            raise DataError(f"{run} is neither a folder with {RESULT} nor {READ}.")
    return [*sections, how] if how.rows else sections


def _setting(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def as_html(sections: Sequence[Section], title: str = "What the edits gain") -> str:
    """The report as one page that needs nothing else."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    environment.filters["raw"] = Markup
    return environment.get_template("report.html.j2").render(sections=sections, title=title)


def as_markdown(sections: Sequence[Section], title: str = "What the edits gain") -> str:
    """The report's sentences and tables as Markdown."""
    parts = [f"# {title}"]
    for section in sections:
        parts += [f"## {section.title}", *section.words]
        if section.rows:
            cells = [section.headings, ["---"] * len(section.headings), *section.rows]
            parts.append("\n".join(f"| {' | '.join(map(_cell, row))} |" for row in cells))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
