"""``metaaligner evaluate compare``: several systems side by side."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from langchain_metaaligner.cli.evaluate.shared import (
    Concurrency,
    JudgeOptions,
    Structured,
    Tries,
    check_objectives,
    console,
    make_judge,
    print_sections,
)
from langchain_metaaligner.cli.options import Device, pairs
from langchain_metaaligner.cli.stopping import stopped_with
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import known_objective


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FILE...", help="For each system the file with its answers."),
    ],
    rewards: Annotated[
        list[str],
        typer.Option(
            "--reward", metavar="OBJECTIVE=MODEL", help="A reward model, for each objective."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", help="Folder for the result.")],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="NAME=FOLDER", help="The trained model of a system, for its time."
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="A chat model that compares too: openai:gpt-4o.")
    ] = None,
    judge_option: JudgeOptions = None,
    dataset: Annotated[str, typer.Option(help="Whose prompts the judge gets.")] = "UltraFeedback",
    structured: Structured = None,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    device: Device = None,
) -> None:
    """Put policy, baselines and aligners side by side: wins, rewards, Pareto plots, time."""
    from langchain_metaaligner.evaluation.compare.judged import judged_wins
    from langchain_metaaligner.evaluation.compare.pareto import plot_fronts
    from langchain_metaaligner.evaluation.compare.system_answers import check_systems
    from langchain_metaaligner.evaluation.compare.systems import compare as run
    from langchain_metaaligner.evaluation.compare.table import comparison_markdown
    from langchain_metaaligner.evaluation.report.page import sections_of
    from langchain_metaaligner.rewards.load import reward_model
    from langchain_metaaligner.tables.whole import whole_file

    answers = {name: Path(path) for name, path in pairs("NAME=FILE", systems).items()}
    folders = {name: Path(path) for name, path in pairs("--model", models).items()}
    sources = {_objective(name): model for name, model in pairs("--reward", rewards).items()}
    check_systems(answers, sources, folders)
    judged = None
    if judge is not None:
        check_objectives(dataset, list(sources))
        asked = make_judge(judge, judge_option, concurrency, tries, structured)
    _check_rewards(sources)
    kept = f"Scores and replies are kept in {output}. Run the same command to go on."
    with stopped_with(lambda: kept), Progress(console=console()) as bar:
        if judge is not None:
            calls = bar.add_task("judging", total=None)
            judged = judged_wins(
                answers,
                list(sources),
                asked,
                output,
                dataset=dataset,
                progress=lambda made: bar.advance(calls, made),
            )
            bar.update(calls, total=bar.tasks[calls].completed)
        scored = bar.add_task("scoring", total=None)
        result = run(
            answers,
            {objective: reward_model(source, device) for objective, source in sources.items()},
            output,
            models=folders,
            judged=judged,
            settings={"rewards": sources},
            progress=lambda made: bar.advance(scored, made),
        )
        bar.update(scored, total=bar.tasks[scored].completed)
    with whole_file(output / "comparison.md") as unfinished:
        unfinished.write_text(comparison_markdown(result), encoding="utf-8")
    print_sections(sections_of(result))
    for path in [output / "comparison.md", *plot_fronts(result)]:
        sys.stdout.write(f"{path}\n")


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
