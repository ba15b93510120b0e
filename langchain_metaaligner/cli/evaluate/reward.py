"""``metaaligner evaluate reward``: reward models before and after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.edit.gate import Scores


def reward(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A file as `metaaligner align-file` writes it.")
    ],
    output: Annotated[Path, typer.Option("--output", help="Folder for the result and its ledger.")],
    rewards: Annotated[
        list[str] | None,
        typer.Option("--reward", help="OBJECTIVE=MODEL, a Hub id or a folder. Repeatable."),
    ] = None,
    dpa: Annotated[
        str | None, typer.Option(help="The DPA reward model instead: a Hub id or a folder.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Commit of the DPA model.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the DPA model's own class.")
    ] = False,
    weight: Annotated[
        list[str] | None, typer.Option(help="OBJECTIVE=NUMBER, for one figure. Repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows, from the first on.")] = None,
    device: Annotated[str | None, typer.Option(help="Where the models run.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Answers in one forward pass.")] = 8,
) -> None:
    """Rewards of drafts and edits; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.reward import score_answers

    scorer, name = _scorer(rewards or [], dpa, device, batch_size, revision, trust_remote_code)
    answers = read_answers(source, limit)
    weights = {key: float(value) for key, value in map(_split, weight or ())}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("scoring", total=None)
        result = score_answers(
            answers,
            scorer,
            output,
            scorer_name=name,
            weights=weights,
            progress=lambda pairs: bar.advance(task, pairs),
        )
    table = Table("objective", "before", "after", "change", "improved")
    shown = dict(result.figures["rewards"])
    if result.figures["weighted"]:
        shown["weighted"] = result.figures["weighted"]
    for objective, told in shown.items():
        low, high = told["interval"]
        change = f"{told['change']:+.3f} ({low:+.3f} to {high:+.3f})"
        means = (f"{told['before']:.3f}", f"{told['after']:.3f}")
        table.add_row(objective, *means, change, f"{told['improved']:.0%}")
    console = Console(stderr=True)
    console.print(table)
    if result.figures["absent"]:
        console.print(f"{result.figures['absent']:,} rows have no draft or no edit.")
    Console().print(str(output), soft_wrap=True)


def _split(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    if not equals:
        raise SettingError(f"{option!r} was given. Give OBJECTIVE=VALUE.")
    return key, value


def _scorer(
    rewards: list[str],
    dpa: str | None,
    device: str | None,
    batch_size: int,
    revision: str | None,
    trust_remote_code: bool,
) -> tuple[Scores, str]:
    from langchain_metaaligner.rewards import DPARewardModel, ObjectiveScorer
    from langchain_metaaligner.rewards.load import reward_model

    if (dpa is None) == (not rewards):
        raise SettingError("Give --reward OBJECTIVE=MODEL, once or more, or --dpa MODEL.")
    if dpa is not None:
        loaded = DPARewardModel.from_pretrained(
            dpa,
            revision=revision,
            device=device,
            trust_remote_code=trust_remote_code,
            batch_size=batch_size,
        )
        return loaded, dpa
    named = dict(map(_split, rewards))
    models = {name: reward_model(model, device, batch_size) for name, model in named.items()}
    return ObjectiveScorer(models), ", ".join(rewards)
