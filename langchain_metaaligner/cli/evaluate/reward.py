"""``metaaligner evaluate reward``: reward models before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from rich.progress import Progress

from langchain_metaaligner.cli.evaluate.shared import Input, print_result
from langchain_metaaligner.cli.options import (
    AsJson,
    BatchSize,
    Device,
    Escaped,
    Limit,
    OutputFolder,
    QuestionColumn,
    numbers,
    pairs,
)
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.cli.terminal import console
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_metaaligner.rewards.scorer import Scorer

EXAMPLES = ("metaaligner evaluate reward a.csv -o runs/r --reward harmless=my/reward-model",)


@dataclass(frozen=True, kw_only=True)
class Scorers:
    """Which reward models score the answers."""

    heading: ClassVar = "Reward models"

    rewards: Annotated[
        list[str] | None,
        typer.Option(
            "--reward", metavar="OBJECTIVE=MODEL", help="A Hub id or a folder. Repeatable."
        ),
    ] = None
    dpa: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The DPA reward model instead: a Hub id or a folder."),
    ] = None
    revision: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Commit of the DPA model.")
    ] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the DPA model's own class.")
    ] = False
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="OBJECTIVE=NUMBER", help="For one figure of all. Repeatable."),
    ] = None
    device: Device = None
    batch_size: BatchSize = 8


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `reward` is asked for."""

    source: Input
    output: OutputFolder
    question_column: QuestionColumn = None
    limit: Limit = None
    scorers: Scorers
    escaped: Escaped = False
    as_json: AsJson = False


def reward(run: Run) -> None:
    """Rewards of drafts and edits; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.reward import check_weights, score_answers

    scorers = run.scorers
    if (scorers.dpa is None) == (not scorers.rewards):
        raise SettingError("Give --reward OBJECTIVE=MODEL, once or more, or --dpa MODEL.")
    models = pairs("--reward", scorers.rewards)
    weights = numbers("--weight", scorers.weight)
    if models:
        check_weights(weights, models)
    answers = read_answers(run.source, run.limit, question=run.question_column, escaped=run.escaped)
    kept = f"Scores are kept in {run.output}. Run the same command to go on."
    with stopped_with(lambda: kept), Progress(console=console()) as bar:
        task = bar.add_task("scoring", total=None)
        scorer, name = _scorer(scorers, models)
        result = score_answers(
            answers,
            scorer,
            run.output,
            scorer_name=name,
            weights=weights,
            progress=lambda scored: bar.advance(task, scored),
        )
        bar.update(task, total=bar.tasks[task].completed)
    print_result(result, run.as_json)


def _scorer(scorers: Scorers, models: Mapping[str, str]) -> tuple[Scorer, str]:
    """What scores, and what results call it."""
    device, batch_size = scorers.device, scorers.batch_size
    if scorers.dpa is None:
        return _objective_scorer(models, device, batch_size), ", ".join(scorers.rewards or ())
    dpa = _dpa(scorers.dpa, scorers.revision, device, scorers.trust_remote_code, batch_size)
    return dpa, scorers.dpa


def _objective_scorer(models: Mapping[str, str], device: str | None, batch_size: int) -> Scorer:
    from langchain_metaaligner.rewards.load import reward_model
    from langchain_metaaligner.rewards.scorer import ObjectiveScorer

    return ObjectiveScorer(
        {name: reward_model(model, device, batch_size) for name, model in models.items()}
    )


def _dpa(
    model: str, revision: str | None, device: str | None, trust_remote_code: bool, batch_size: int
) -> Scorer:
    from langchain_metaaligner.rewards.classifier import DPARewardModel

    return DPARewardModel.from_pretrained(
        model,
        revision=revision,
        device=device,
        trust_remote_code=trust_remote_code,
        batch_size=batch_size,
    )
