"""``metaaligner demo``: a chain with an aligner behind it, before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from langchain_core.language_models import FakeListChatModel
from rich.console import Console
from rich.progress import track

from langchain_metaaligner.cli.display import panel
from langchain_metaaligner.cli.options import Device, Model
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.runnable import MetaAlignerRunnable

_DRAFTS = Path(__file__).with_name("drafts.json")

_LESSON = """\
[bold]In your own chain:[/bold]
    from langchain_metaaligner import MetaAlignerRunnable
    chain = llm | MetaAlignerRunnable(objectives=["harmless", "helpful"])
    chain.invoke("…")"""


@dataclass(frozen=True)
class Draft:
    """A question with what a careless model answered, and what to improve."""

    question: str
    answer: str
    objectives: list[str]


def demo(model: Model = "mini", device: Device = None) -> None:
    """Show what an aligner makes of some drafts, side by side.

    A stand-in for a chat model replays the drafts; every edit is written by the aligner's weights.
    """
    console = Console()
    drafts = [Draft(**one) for one in json.loads(_DRAFTS.read_text(encoding="utf-8"))]
    for draft in track(drafts, "Editing …", transient=True, console=Console(stderr=True)):
        console.print(panel(draft.question, _edited(draft, model, device)))
    console.print(_LESSON, highlight=False)


def _edited(draft: Draft, model: str, device: str | None) -> Alignment:
    llm = FakeListChatModel(responses=[draft.answer])
    aligner = MetaAlignerRunnable(
        objectives=draft.objectives, model=model, model_kwargs={"device": device}
    )
    message = (llm | aligner).invoke(draft.question)
    alignment = Alignment(**message.response_metadata["metaaligner"])
    if alignment.reason == "error":
        raise CheckpointError(f"The model {model!r} failed: {alignment.detail}")
    return alignment
