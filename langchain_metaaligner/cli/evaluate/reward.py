"""``metaaligner evaluate reward``: reward models before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from langchain_metaaligner.cli.evaluate.shared import (
    Escaped,
    Input,
    Limit,
    Output,
    QuestionColumn,
    console,
    print_result,
)
from langchain_metaaligner.cli.options import numbers, pairs
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_metaaligner.rewards.scorer import Scorer


def reward(
    source: Input,
    output: Output,
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
    question_column: QuestionColumn = None,
    limit: Limit = None,
    device: Annotated[str | None, typer.Option(help="Where the models run.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Answers in one forward pass.")] = 8,
    escaped: Escaped = False,
) -> None:
    """Rewards of drafts and edits; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.reward import check_weights, score_answers

    if (dpa is None) == (not rewards):
        raise SettingError("Give --reward OBJECTIVE=MODEL, once or more, or --dpa MODEL.")
    models = pairs("--reward", rewards)
    weights = numbers("--weight", weight)
    if models:
        check_weights(weights, models)
    answers = read_answers(source, limit, question=question_column, escaped=escaped)
    kept = f"Scores are kept in {output}. Run the same command to go on."
    with stopped_with(lambda: kept), Progress(console=console()) as bar:
        task = bar.add_task("scoring", total=None)
        if dpa is None:
            scorer, name = _objective_scorer(models, device, batch_size), ", ".join(rewards or ())
        else:
            scorer, name = _dpa(dpa, revision, device, trust_remote_code, batch_size), dpa
        result = score_answers(
            answers,
            scorer,
            output,
            scorer_name=name,
            weights=weights,
            progress=lambda scored: bar.advance(task, scored),
        )
        bar.update(task, total=bar.tasks[task].completed)
    print_result(result)


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
