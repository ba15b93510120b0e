"""``metaaligner data score``: HH-RLHF dialogues into the scored CSV."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from langchain_metaaligner.cli.data_shared import Split, Strict, counted, policy, show_problems
from langchain_metaaligner.cli.options import BatchSize, Device, ResearchCompat
from langchain_metaaligner.cli.terminal import console

EXAMPLES = ("metaaligner data score --input Anthropic/hh-rlhf --split train -o train.csv",)
RewardModel = Annotated[
    str, typer.Option(metavar="MODEL", help="Reward model, or DPA_MODEL#ATTRIBUTE.")
]

_BATCHES = 8  # of each process between two entries in the ledger


def score(
    source: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="INPUT",
            help="Dialogues: a file, a folder of them, or Anthropic/hh-rlhf.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The scored CSV.")],
    harmless: RewardModel = "",
    helpful: RewardModel = "",
    humor: RewardModel = "",
    split: Split = "train",
    device: Device = None,
    processes: Annotated[
        int, typer.Option(metavar="N", min=1, help="Copies of the reward models.")
    ] = 1,
    batch_size: BatchSize = 1,
    research_compat: ResearchCompat = False,
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
    show_problems(problems, console())
