"""``metaaligner demo``: a chain with an aligner behind it, before and after."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from langchain_metaaligner.cli.options import DEFAULT_MODEL, Device, Model
from langchain_metaaligner.errors import CheckpointError, ObjectiveError

if TYPE_CHECKING:
    from langchain_metaaligner.edit.record import Alignment

EXAMPLES = ("metaaligner demo", "metaaligner demo --interactive")
_DRAFTS = Path(__file__).with_name("drafts.json")
_OBJECTIVES = "harmless, helpful"

_LESSON = """
[bold]In your own chain:[/bold]
    from langchain_metaaligner import MetaAlignerRunnable
    chain = llm | MetaAlignerRunnable(objectives=["harmless", "helpful"])
    chain.invoke("…")
[bold]With your own draft:[/bold] metaaligner demo --interactive"""


@dataclass(frozen=True)
class Draft:
    """A question with what a careless model answered, and what to improve."""

    question: str
    answer: str
    objectives: list[str]


def demo(
    model: Model = DEFAULT_MODEL,
    device: Device = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Edit your own questions and drafts.")
    ] = False,
) -> None:
    """Show what an aligner makes of some drafts, side by side.

    A stand-in for a chat model replays the drafts; every edit is written by the aligner's weights.
    """
    console = Console()  # the only one: two of them break each other's lines
    if interactive:
        for draft in _typed(console):
            _show_or_explain(console, draft, model, device)
        return
    started = time.perf_counter()
    alignments = [_show(console, draft, model, device) for draft in drafts()]
    console.print(_summary(alignments, time.perf_counter() - started), highlight=False)
    console.print(_LESSON, highlight=False)


def _show_or_explain(console: Console, draft: Draft, model: str, device: str | None) -> None:
    """What `_show` does; an unknown objective is a sentence, and the user names another one."""
    try:
        _show(console, draft, model, device)
    except ObjectiveError as error:
        console.print(f"{error}\n", style="red", markup=False, highlight=False)


def _summary(alignments: Sequence[Alignment], seconds: float) -> str:
    edited = sum(alignment.decision == "edited" for alignment in alignments)
    return (
        f"{alignments[0].model} edited {edited} of {len(alignments)} drafts in {seconds:.1f} s, "
        "reading its weights included. The others it left as they were, rightly or not: larger "
        "checkpoints overlook less."
    )


def _show(console: Console, draft: Draft, model: str, device: str | None) -> Alignment:
    from langchain_metaaligner.cli.display import panel

    with console.status(f"Editing with {model} …"):
        alignment = _edited(draft, model, device)
    console.print(panel(draft.question, alignment))
    return alignment


def drafts() -> list[Draft]:
    """The drafts that come with the package."""
    return [Draft(**draft) for draft in json.loads(_DRAFTS.read_text(encoding="utf-8"))]


def _typed(console: Console) -> Iterator[Draft]:
    """Drafts that the user types, until there is no question any more."""
    console.print("An empty question, or Ctrl-D, ends it. A draft ends with an empty line.\n")
    try:
        while question := console.input("[bold]Question:[/bold] ").strip():
            console.print("[bold]Draft:[/bold]")
            answer = "\n".join(iter(console.input, ""))
            named = console.input(f"[bold]Objectives[/bold] ({_OBJECTIVES}): ").strip()
            if answer.strip():
                yield Draft(question, answer, (named or _OBJECTIVES).split(", "))
    except EOFError:
        console.print()


def _edited(draft: Draft, model: str, device: str | None) -> Alignment:
    from langchain_core.language_models import FakeListChatModel

    from langchain_metaaligner.edit.record import Alignment
    from langchain_metaaligner.runnable import MetaAlignerRunnable

    llm = FakeListChatModel(responses=[draft.answer])
    aligner = MetaAlignerRunnable(
        objectives=draft.objectives, model=model, model_kwargs={"device": device}
    )
    message = (llm | aligner).invoke(draft.question)
    alignment = Alignment(**message.response_metadata["metaaligner"])
    if alignment.reason == "error":
        raise CheckpointError(f"The model {model!r} failed: {alignment.detail}")
    return alignment
