"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from langchain_metaaligner.errors import SettingError

Model = Annotated[
    str, typer.Option("--model", "-m", help="A Hub id, a folder, or mini, the bundled one.")
]
Template = Annotated[
    str,
    typer.Option("--template", "-t", help="HH-RLHF, UltraFeedback, IMHI, or auto."),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cuda, mps or cpu; by itself the best there is.")
]


def key_values(option: str, given: Sequence[str] | None) -> dict[str, Any]:
    """KEY=VALUE options as keyword arguments; what looks like a number becomes one."""
    options: dict[str, Any] = {}
    for one in given or ():
        key, equals, value = one.partition("=")
        if not equals:
            raise SettingError(f"{option} {one} was given. Give KEY=VALUE.")
        options[key] = float(value) if value.replace(".", "", 1).isdigit() else value
    return options
