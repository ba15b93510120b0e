"""``metaaligner objectives``: what can be named."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.cli.options import AsJson
from langchain_metaaligner.cli.terminal import print_json

EXAMPLES = ("metaaligner objectives", "metaaligner objectives --json")
_NARROW = 110  # below it a table of four columns breaks words


def objectives(as_json: AsJson = False) -> None:
    """List the objectives that have names, their aliases, and who was trained on them."""
    rows = _rows()
    if as_json:
        print_json(rows)
        return
    console = Console()
    console.print(_table(rows) if console.width >= _NARROW else _list(rows))
    console.print('One of your own: "Name: what a good response does".', highlight=False)


def _rows() -> list[dict[str, Any]]:
    from langchain_metaaligner.objectives import ALIASES, KNOWN
    from langchain_metaaligner.templates import TEMPLATES

    return [
        {
            "name": name,
            "also": [alias for alias, known in ALIASES.items() if known == name],
            "trained_in": [t.name for t in TEMPLATES.values() if name in t.objectives],
            "description": objective.description,
        }
        for name, objective in KNOWN.items()
    ]


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("objective", no_wrap=True)
    table.add_column("also")
    table.add_column("trained in", no_wrap=True)
    table.add_column("text", ratio=1)
    for row in rows:
        also, trained = ", ".join(row["also"]), "\n".join(row["trained_in"])
        table.add_row(row["name"], also, trained, row["description"])
    return table


def _list(rows: list[dict[str, Any]]) -> Table:
    """Name and text side by side, with aliases and data sets under the text."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("objective", no_wrap=True)
    table.add_column("text", ratio=1)
    for row in rows:
        text = Text(row["description"])
        for heading, names in (("also: ", row["also"]), ("trained in: ", row["trained_in"])):
            if names:
                text.append(f"\n{heading}{', '.join(names)}", style="dim")
        table.add_row(row["name"], text)
    return table
