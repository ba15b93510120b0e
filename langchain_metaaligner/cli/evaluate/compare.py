"""``metaaligner evaluate compare``: several systems side by side."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from langchain_metaaligner.cli.evaluate.shared import (
    JudgeOptions,
    check_objectives,
    print_sections,
)
from langchain_metaaligner.cli.options import AsJson, Device, OutputFolder, pairs
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.cli.terminal import console, print_json
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import known_objective

if TYPE_CHECKING:
    from langchain_metaaligner.evaluation.judge.ask import Judge
    from langchain_metaaligner.evaluation.results import Result

EXAMPLES = (
    "metaaligner evaluate compare policy=drafts.csv ours=aligned.csv \\\n"
    "    --reward harmless=runs/rewards/harmless -o runs/compare",
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `compare` is asked for."""

    systems: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FILE...", help="For each system the file with its answers."),
    ]
    rewards: Annotated[
        list[str],
        typer.Option(
            "--reward", metavar="OBJECTIVE=MODEL", help="A reward model, for each objective."
        ),
    ]
    output: OutputFolder
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="NAME=FOLDER", help="The trained model of a system, for its time."
        ),
    ] = None
    device: Device = None
    judge: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A chat model that compares too: openai:gpt-4o."),
    ] = None
    asking: JudgeOptions
    as_json: AsJson = False


def compare(run: Run) -> None:
    """Put policy, baselines and aligners side by side: wins, rewards, Pareto plots, time."""
    from langchain_metaaligner.evaluation.compare.pareto import plot_fronts
    from langchain_metaaligner.evaluation.compare.system_answers import check_systems
    from langchain_metaaligner.evaluation.compare.table import comparison_markdown
    from langchain_metaaligner.evaluation.report.page import sections_of
    from langchain_metaaligner.tables.whole import whole_file

    answers = {name: Path(path) for name, path in pairs("NAME=FILE", run.systems).items()}
    folders = {name: Path(path) for name, path in pairs("--model", run.models).items()}
    sources = {_objective(name): model for name, model in pairs("--reward", run.rewards).items()}
    check_systems(answers, sources, folders)
    asked = None
    if run.judge is not None:
        check_objectives(run.asking.dataset, list(sources))
        asked = run.asking.make(run.judge)
    _check_rewards(sources)
    kept = f"Scores and replies are kept in {run.output}. Run the same command to go on."
    with stopped_with(lambda: kept):
        result = _result(run, answers, folders, sources, asked)
    with whole_file(run.output / "comparison.md") as unfinished:
        unfinished.write_text(comparison_markdown(result), encoding="utf-8")
    print_sections(sections_of(result))
    paths = [run.output / "comparison.md", *plot_fronts(result)]
    if run.as_json:
        shown = {"settings": result.settings, "figures": result.figures}
        print_json({"folder": str(result.folder), "files": [str(p) for p in paths], **shown})
        return
    for path in paths:
        sys.stdout.write(f"{path}\n")


def _result(
    run: Run,
    answers: Mapping[str, Path],
    folders: Mapping[str, Path],
    sources: Mapping[str, str],
    asked: Judge | None,
) -> Result:
    from langchain_metaaligner.evaluation.compare.judged import judged_wins
    from langchain_metaaligner.evaluation.compare.systems import compare as compare_systems
    from langchain_metaaligner.rewards.load import reward_model

    judged: Any = None
    with Progress(console=console()) as bar:
        if asked is not None:
            calls = bar.add_task("judging", total=None)
            judged = judged_wins(
                answers,
                list(sources),
                asked,
                run.output,
                dataset=run.asking.dataset,
                progress=lambda made: bar.advance(calls, made),
            )
            bar.update(calls, total=bar.tasks[calls].completed)
        scored = bar.add_task("scoring", total=None)
        rewards = {name: reward_model(source, run.device) for name, source in sources.items()}
        result = compare_systems(
            answers,
            rewards,
            run.output,
            models=folders,
            judged=judged,
            settings={"rewards": sources},
            progress=lambda made: bar.advance(scored, made),
        )
        bar.update(scored, total=bar.tasks[scored].completed)
    return result


def _check_rewards(sources: Mapping[str, str]) -> None:
    from langchain_metaaligner.rewards.load import trained_objective

    for objective, source in sources.items():
        trained = trained_objective(source)
        if trained not in (None, objective):
            raise SettingError(
                f"--reward {objective}={source}: that model was trained for {trained}. "
                f"Give --reward {trained}={source}, or the model of {objective}."
            )


def _objective(name: str) -> str:
    known = known_objective(name)
    return known.name if known else name
