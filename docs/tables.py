"""Writes what the docs quote from the code: ``python docs/tables.py``, or ``--check``.

A page holds each such section between ``<!-- begin: name -->`` and ``<!-- end: name -->``.
"""

import html
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.update(COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1", TYPER_USE_RICH="0")

import gallery as gallery_run
import paper_tables
import yaml
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from langchain_metaaligner import Alignment
from langchain_metaaligner.cli import app
from langchain_metaaligner.models.published import PUBLISHED
from langchain_metaaligner.objectives import ALIASES, KNOWN, LABELS
from langchain_metaaligner.policy import json_schema
from langchain_metaaligner.templates import TEMPLATES

DOCS = Path(__file__).parent


def objectives() -> str:
    rows = []
    for name, objective in KNOWN.items():
        trained = [template for template in TEMPLATES.values() if name in template.objectives]
        texts = [template.objective_text(objective) for template in trained]
        also = [alias for alias, known in ALIASES.items() if known == name]
        rows.append(
            (
                f"`{name}`",
                "<br>".join(texts or [f"{LABELS[name]}: {objective.description}"]),
                ", ".join(template.name for template in trained),
                ", ".join(f"`{alias}`" for alias in also),
            )
        )
    return table(("Name", "Text in the prompt", "Trained in", "Also called"), rows)


def templates() -> str:
    return "\n\n".join(
        f"**{template.name}**, {mode}:\n\n```{{ .text .wrap }}\n{getattr(template, mode)}\n```"
        for template in TEMPLATES.values()
        for mode in ("better", "equal")
    )


def checkpoints() -> str:
    rows = [
        (
            f"[`{one.hub_id}`](https://huggingface.co/{one.hub_id})",
            one.size,
            one.template.name,
            ", ".join(one.objectives),
            f"{float(one.size.removesuffix('B')) * 2:.3g} GB",
        )
        for one in PUBLISHED
    ]
    return table(("Hub id", "Size", "Data set", "Trained objectives", "Weights in bfloat16"), rows)


def commands() -> str:
    rows = [
        (f"[`metaaligner {' '.join(words)}`](commands/{'-'.join(words)}.md)", sentence)
        for words, sentence in _leaves(get_command(app))
    ]
    return table(("Command", "What it does"), rows)


def _leaves(group: TyperGroup, *before: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command that does something, with its words and the first line of its help."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, TyperGroup):
            yield from _leaves(command, *before, name)
        else:
            yield (*before, name), (command.help or "").strip().partition("\n")[0]


def command_pages() -> Iterator[tuple[str, Sequence[Callable[[], str]]]]:
    """A page for each command; one that is new begins with its help alone."""
    for words, sentence in _leaves(get_command(app)):
        name = f"commands/{'-'.join(words)}.md"
        path = DOCS / name
        if not path.exists() and "--check" not in sys.argv:
            title = f"# `metaaligner {' '.join(words)}`\n\n{sentence}\n\n## Options\n\n"
            path.write_text(f"{title}<!-- begin: options -->\n<!-- end: options -->\n")

        def options(words: Sequence[str] = words) -> str:
            return shown_help(list(words))

        yield name, (options,)


def quality() -> str:
    return (DOCS / "quality" / "table.md").read_text(encoding="utf-8").strip()


def natural() -> str:
    return (DOCS / "natural" / "table.md").read_text(encoding="utf-8").strip()


def speed() -> str:
    return (DOCS / "speed" / "table.md").read_text(encoding="utf-8").strip()


def miniature_hh_rlhf() -> str:
    return _miniature("HH-RLHF")


def miniature_ultrafeedback() -> str:
    return _miniature("UltraFeedback")


def _miniature(name: str) -> str:
    path = DOCS / "comparison" / f"{name.lower()}.md"
    return f"**{name}, a miniature**\n\n{path.read_text(encoding='utf-8').strip()}"


def floors() -> str:
    rows = []
    for floor in yaml.safe_load((DOCS / "floors.yaml").read_text(encoding="utf-8")):
        extras = sorted(set(floor.get("packages", {}).values()))
        below = ", ".join(f"`{room}`" for room in floor["imports"]) or "nothing"
        rows.append(
            (f"`{floor['room']}`", floor["holds"], below, ", ".join(f"`{e}`" for e in extras))
        )
    return table(("Room", "What is in it", "May import", "Extras"), rows)


def gallery() -> str:
    return "\n\n".join(_card(case, edit) for case, edit in _edits())


def hero() -> str:
    return _card(*next(_edits()))


def _edits() -> Iterator[tuple[dict[str, Any], Alignment]]:
    """The drafts of the gallery, good edits first, each with the record of its edit."""
    records = json.loads((DOCS / "gallery" / "edits.json").read_text(encoding="utf-8"))
    cases = zip(gallery_run.drafts(), (Alignment(**record) for record in records), strict=True)
    return iter(sorted(cases, key=lambda one: not one[0]["good"]))


def _card(case: dict[str, Any], edit: Alignment) -> str:
    marks = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    text = "".join(marks[change].format(_escaped(piece)) for change, piece in edit.changes())
    tone = "good" if case["good"] else "bad"
    return (
        f'<div class="edit"><p class="edit-head"><b>{_escaped(edit.question)}</b> · '
        f"{', '.join(edit.objectives)}</p>\n"
        f'<div class="edit-text">{text}</div>\n'
        f'<p class="edit-head"><span class="{tone}">{edit.decision}</span> '
        f"{_escaped(case['note'])}</p></div>"
    )


def _escaped(text: str) -> str:
    """As HTML on one line, safe from Markdown."""
    return html.escape(text).replace("\n", "<br>").replace("`", "&#96;").replace("*", "&#42;")


def paper() -> str:
    return paper_tables.fill(None)


def shown_help(words: list[str]) -> str:
    asked = [*words, "--help"]
    shown = CliRunner().invoke(app, asked, prog_name="metaaligner").output
    lines = "\n".join(line.rstrip() for line in shown.strip().splitlines())
    return f"```text\n$ metaaligner {' '.join(asked)}\n{lines}\n```"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


SECTIONS: dict[str, Sequence[Callable[[], str]]] = {
    "architecture.md": (floors,),
    "gallery.md": (gallery,),
    "index.md": (hero,),
    "objectives.md": (objectives, templates),
    "models.md": (checkpoints,),
    "commands.md": (commands,),
    "bundled.md": (natural, quality),
    "speed.md": (speed,),
    "comparison.md": (miniature_hh_rlhf, miniature_ultrafeedback),
    "paper.md": (paper,),
}


def policy_schema() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


FILES: dict[str, Callable[[], str]] = {"policy.schema.json": policy_schema}
"""Files that are made whole."""


def fresh(page: str, makers: Sequence[Callable[[], str]]) -> str:
    for make in makers:
        begin, end = f"<!-- begin: {make.__name__} -->", f"<!-- end: {make.__name__} -->"
        section = f"{begin}\n\n{make()}\n\n{end}"
        page, found = re.subn(
            f"{re.escape(begin)}.*?{re.escape(end)}", lambda _, s=section: s, page, flags=re.S
        )
        if found != 1:
            raise SystemExit(f"{begin} … {end} must stand once in its page, but does {found} times")
    return page


def main() -> None:
    stale = []
    for name, makers in (*SECTIONS.items(), *command_pages()):
        path = DOCS / name
        if not path.exists():
            stale.append(f"docs/{name}")
            continue
        page = path.read_text(encoding="utf-8")
        wanted = fresh(page, makers)
        if page != wanted and "--check" in sys.argv:
            stale.append(f"docs/{name}")
        elif page != wanted:
            path.write_text(wanted, encoding="utf-8")
    for name, make in FILES.items():
        path, wanted = DOCS / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        if "--check" in sys.argv:
            stale.append(f"docs/{name}")
        else:
            path.write_text(wanted, encoding="utf-8")
    if stale:
        raise SystemExit(f"Stale: {', '.join(stale)}. Run: python docs/tables.py")


if __name__ == "__main__":
    main()
