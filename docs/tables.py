"""Writes what the docs quote from the code: ``python docs/tables.py``, or ``--check``.

A page holds each such section between ``<!-- begin: name -->`` and ``<!-- end: name -->``.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.update(COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1", TYPER_USE_RICH="0")

import paper_tables
import yaml
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.cli.data import data
from langchain_metaaligner.cli.evaluate import evaluate
from langchain_metaaligner.models.published import PUBLISHED
from langchain_metaaligner.objectives import ALIASES, KNOWN, LABELS
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
                ", ".join(f"`{alias}`" for alias in also),
                ", ".join(template.name for template in trained),
                "<br>".join(texts or [f"{LABELS[name]}: {objective.description}"]),
            )
        )
    return table(("Name", "Also", "Trained in", "Text in the prompt"), rows)


def templates() -> str:
    return "\n\n".join(
        f"**{template.name}**, {mode}:\n\n```text\n{getattr(template, mode)}\n```"
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
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    return "\n\n".join(map(shown_help, ([], *([name] for name in names))))


def data_commands() -> str:
    return "\n\n".join(shown_help(["data", one.name]) for one in data.registered_commands)


def evaluate_commands() -> str:
    return "\n\n".join(shown_help(["evaluate", _name(one)]) for one in evaluate.registered_commands)


def _name(command) -> str:
    return command.name or command.callback.__name__


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
    "objectives.md": (objectives, templates),
    "models.md": (checkpoints,),
    "commands.md": (commands, evaluate_commands),
    "bundled.md": (natural, quality),
    "speed.md": (speed,),
    "data.md": (data_commands,),
    "comparison.md": (miniature_hh_rlhf, miniature_ultrafeedback),
    "paper.md": (paper,),
}


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
    for name, makers in SECTIONS.items():
        path = DOCS / name
        page = path.read_text(encoding="utf-8")
        wanted = fresh(page, makers)
        if page != wanted and "--check" in sys.argv:
            stale.append(f"docs/{name}")
        elif page != wanted:
            path.write_text(wanted, encoding="utf-8")
    if stale:
        raise SystemExit(f"Stale: {', '.join(stale)}. Run: python docs/tables.py")


if __name__ == "__main__":
    main()
