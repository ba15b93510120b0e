"""How answers look in a terminal."""

from __future__ import annotations

from typing import Literal

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from langchain_metaaligner.edit.record import Alignment, Change

_STYLES = {"removed": "red strike", "added": "bold green"}


def side(alignment: Alignment, shown: Literal["original", "text"]) -> Text:
    """One of the two texts of a record, with what was changed in it marked."""
    marked: Change = "removed" if shown == "original" else "added"
    text = Text()
    for change, piece in alignment.changes():
        if change == "same":
            text.append(piece)
        elif change == marked:
            text.append(piece, style=_STYLES[change])
    return text


def panel(asked: str, alignment: Alignment) -> Panel:
    """Question, draft and final answer of one record, side by side."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1))
    table.add_column("draft of the model", ratio=1)
    table.add_column("after MetaAligner", ratio=1)
    table.add_row(side(alignment, "original"), side(alignment, "text"))
    title = f"[bold]{' + '.join(alignment.objectives)}"
    return Panel(
        Group(Text(f"Q: {asked}", style="italic"), table), title=title, subtitle=verdict(alignment)
    )


STYLES = {"edited": "green", "unchanged": "blue", "kept": "yellow", "refused": "red"}


def verdict(alignment: Alignment) -> Text:
    """The decision in a line."""
    style = STYLES[alignment.decision]
    text = Text(alignment.decision, style=style)
    if alignment.reason:
        text.append(f": {alignment.reason}")
    if alignment.seconds is not None:
        text.append(f" · {alignment.seconds:.1f} s", style="dim")
    return text
