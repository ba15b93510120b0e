"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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
