"""One report of any number of evaluations: a self-contained HTML page and a Markdown table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from langchain_metaaligner.errors import DataError
from langchain_metaaligner.evaluation.report.comparison import compare_sections, unseen_sections
from langchain_metaaligner.evaluation.report.sections import (
    Section,
    edit_section,
    imhi_sections,
    judge_sections,
    rating_sections,
    reward_sections,
)
from langchain_metaaligner.evaluation.results import RESULT, Result, read_result

_MAKERS: Mapping[str, Callable[[Result], list[Section]]] = {
    "judge": judge_sections,
    "rating": rating_sections,
    "reward": reward_sections,
    "imhi": imhi_sections,
    "unseen": unseen_sections,
    "compare": compare_sections,
}


def make_report(runs: Sequence[Path]) -> list[Section]:
    """The sections of a report.

    Args:
        runs: folders that ``metaaligner evaluate`` wrote, and files that ``align-file`` wrote.

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
            if result.kind not in _MAKERS:
                raise DataError(
                    f"{run} holds a result of the kind {result.kind!r}, which no report shows. "
                    f"Known are: {', '.join(_MAKERS)}."
                )
            sections += _MAKERS[result.kind](result)
            told = "; ".join(f"{name}: {_setting(one)}" for name, one in result.settings.items())
            how.rows.append([run.name, result.kind, told])
        elif run.suffix in (".csv", ".jsonl", ".parquet") and run.is_file():
            sections.append(edit_section(run))
        else:
            raise DataError(
                f"{run} is neither a folder with {RESULT} nor a .csv, .jsonl or .parquet file."
            )
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
