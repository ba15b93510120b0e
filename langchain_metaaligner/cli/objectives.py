"""``metaaligner objectives``: what can be named."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from langchain_metaaligner.objectives import ALIASES, KNOWN
from langchain_metaaligner.templates import TEMPLATES


def objectives() -> None:
    """List the objectives that have names, their aliases, and who was trained on them."""
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    table.add_column("objective", no_wrap=True)
    for heading, ratio in (("also", 3), ("trained in", 2), ("text", 5)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for name, objective in KNOWN.items():
        also = [alias for alias, known in ALIASES.items() if known == name]
        trained = [t.name for t in TEMPLATES.values() if name in t.objectives]
        table.add_row(name, ", ".join(also), ", ".join(trained), objective.description)
    console = Console()
    console.print(table)
    console.print('One of your own: "Name: what a good response does".', highlight=False)
