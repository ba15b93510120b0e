"""``metaaligner data score``: HH-RLHF dialogues into the scored CSV."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from langchain_metaaligner.cli.data import Compat, Strict, counted, policy, show_problems

_BATCHES = 8  # of each process between two entries in the ledger


def score(
    source: Annotated[
        str,
        typer.Option("--input", help="Dialogues: a file, a folder of them, or Anthropic/hh-rlhf."),
    ],
    output: Annotated[Path, typer.Option("--output", help="The scored CSV.")],
    harmless: Annotated[str, typer.Option(help="Reward model, or DPA_MODEL#ATTRIBUTE.")] = "",
    helpful: Annotated[str, typer.Option(help="Reward model, or DPA_MODEL#ATTRIBUTE.")] = "",
    humor: Annotated[str, typer.Option(help="Reward model, or DPA_MODEL#ATTRIBUTE.")] = "",
    split: Annotated[
        str, typer.Option("--split", help="Which part of a folder or a name: train or test.")
    ] = "train",
    device: Annotated[str | None, typer.Option(help="cuda, mps or cpu.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Copies of the reward models.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Answers in one forward pass.")] = 1,
    research_compat: Compat = False,
    strict: Strict = False,
) -> None:
    """HH-RLHF: score dialogues by three reward models, by default those of the research.

    Started again, a stopped run goes on from OUTPUT.ledger.jsonl.
    """
    from langchain_metaaligner.data.records import records_of
    from langchain_metaaligner.data.score import require_dialogues, score_dialogues

    records = records_of(source, split)
    require_dialogues(records)  # before torch is imported and a model looked for

    from langchain_metaaligner.rewards.classifier import PUBLISHED
    from langchain_metaaligner.rewards.load import reward_model
    from langchain_metaaligner.rewards.pool import reward_processes, token_limit
    from langchain_metaaligner.tables.ledger import Ledger

    named = {"harmless": harmless, "helpful": helpful, "humor": humor}
    models = {name: named[name] or published for name, published in PUBLISHED.items()}
    limits = [token_limit(model) for model in models.values()]
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(f"{output}.ledger.jsonl", {"rewards": models}))
        rewards = (
            {name: reward_model(model, device, batch_size) for name, model in models.items()}
            if processes == 1
            else stack.enter_context(reward_processes(models, processes, device, batch_size))
        )
        problems = score_dialogues(
            records,
            output,
            rewards,
            limits=limits,
            ledger=ledger,
            batch_size=_BATCHES * batch_size * processes,
            research_compat=research_compat,
            on_problem=policy(strict),
            progress=counted,
        )
    sys.stdout.write(f"{output}\n")
    show_problems(problems, Console(stderr=True))
