"""``metaaligner evaluate compare``: several systems side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from langchain_metaaligner.cli.evaluate.judge import (
    Concurrency,
    Options,
    Structured,
    Tries,
)
from langchain_metaaligner.cli.options import Device, key_values
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import known_objective


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=FILE...", help="For each system the CSV file with its answers."
        ),
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
    judge_option: Options = None,
    dataset: Annotated[str, typer.Option(help="Whose prompts the judge gets.")] = "UltraFeedback",
    structured: Structured = None,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    device: Device = None,
) -> None:
    """Put policy, baselines and aligners side by side: wins, rewards, Pareto plots, time."""
    from langchain_metaaligner.evaluation.compare.judged import judged_wins
    from langchain_metaaligner.evaluation.compare.pareto import plot_fronts
    from langchain_metaaligner.evaluation.compare.systems import compare as run
    from langchain_metaaligner.evaluation.compare.table import (
        comparison_columns_by_system,
        comparison_markdown,
    )
    from langchain_metaaligner.evaluation.judge.ask import Judge, chat_model
    from langchain_metaaligner.rewards.load import reward_model, trained_objective

    sources = {_objective(name): source for name, source in _pairs("--reward", rewards).items()}
    for objective, source in sources.items():
        trained = trained_objective(source)
        if trained not in (None, objective):
            raise SettingError(
                f"--reward {objective}={source}: that model was trained for {trained}. "
                f"Give --reward {trained}={source}, or the model of {objective}."
            )
    answers = {name: Path(path) for name, path in _pairs("NAME=FILE", systems).items()}
    judged = None
    if judge is not None:
        model = chat_model(judge, **key_values("--judge-option", judge_option))
        asked = Judge(model, judge, concurrency, tries, structured)
        judged = judged_wins(answers, list(sources), asked, output, dataset=dataset)
    result = run(
        answers,
        {objective: reward_model(source, device) for objective, source in sources.items()},
        output,
        models={name: Path(path) for name, path in _pairs("--model", models or ()).items()},
        judged=judged,
        settings={"rewards": sources},
        progress=lambda batches: track(batches, "Scoring", console=Console(stderr=True)),
    )
    (output / "comparison.md").write_text(comparison_markdown(result), encoding="utf-8")
    head, rows = comparison_columns_by_system(result)
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    for path in [output / "comparison.md", *plot_fronts(result)]:
        sys.stdout.write(f"{path}\n")


def _pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value) or name in pairs:
            raise SettingError(
                f"{option}: {text!r} is no NAME=VALUE, or its name stands twice. "
                "Write for example sft=answers/sft.csv."
            )
        pairs[name] = value
    return pairs


def _objective(name: str) -> str:
    known = known_objective(name)
    return known.name if known else name
