"""A comparison as a table, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_metaaligner.evaluation.results import Result


def comparison_columns(result: Result) -> list[str]:
    """The heads of the columns of `comparison_rows`."""
    objectives = result.settings["objectives"]
    wins = [f"{name} wins" for name in objectives]
    rewards = [f"{name} reward" for name in objectives]
    judged = [f"{name} judged" for name in judged_objectives(result)]
    return ["system", *wins, "mean wins", *judged, *rewards, "mean reward", "empty", "training"]


def judged_objectives(result: Result) -> list[str]:
    """The objectives on which a judge compared; none where there was no judge."""
    judged = next(iter(result.figures["systems"].values()))["judged"] or {}
    return [name for name in result.settings["objectives"] if name in judged]


def comparison_rows(result: Result) -> list[list[str]]:
    """A row for each system, and one for the golden answers, which have rewards alone.

    Wins are in percent, with their 95 % interval; training is the time of all devices.
    """
    objectives = result.settings["objectives"]
    rows = []
    for name in result.settings["systems"]:
        its = result.figures["systems"][name]
        wins = [
            f"{100 * its['win'][objective]:.1f} ({100 * low:.0f}–{100 * high:.0f})"
            for objective in objectives
            for low, high in [its["interval"][objective]]
        ]
        mean = f"{100 * its['win_mean']:.1f}"
        seconds = _seconds(its["seconds"])
        judged = [_judged(its["judged"][objective]) for objective in judged_objectives(result)]
        rewards = _rewards(its, objectives)
        rows.append([name, *wins, mean, *judged, *rewards, str(its["empty"]), seconds])
    golden = _rewards(result.figures["golden"], objectives)
    blank = len(objectives) + 1 + len(judged_objectives(result))
    return [*rows, ["golden", *[""] * blank, *golden, "", ""]]


def _judged(tally: Mapping[str, Any]) -> str:
    """Wins, ties and losses, and wins less losses in percent with the interval."""
    if tally["net"] is None:
        return "none"
    counts = "/".join(str(tally[name]) for name in ("wins", "ties", "losses"))
    low, high = tally["net_interval"]
    return f"{counts}: {100 * tally['net']:+.1f} ({100 * low:+.0f} to {100 * high:+.0f})"


def comparison_columns_by_system(result: Result) -> tuple[list[str], Sequence[Sequence[str]]]:
    """The head and the rows of the same table with a column a system, which is less wide."""
    table = [comparison_columns(result), *comparison_rows(result)]
    (_, *names), *rows = zip(*table, strict=True)
    return ["", *names], rows


def comparison_markdown(result: Result) -> str:
    """The table in Markdown."""
    head = comparison_columns(result)
    lines = [head, ["---"] * len(head), *comparison_rows(result)]
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in lines)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in escaped)


def _rewards(figures: Mapping[str, Any], objectives: list[str]) -> list[str]:
    values = [*(figures["reward"][name] for name in objectives), figures["reward_mean"]]
    return ["" if value is None else f"{value:.3f}" for value in values]


def _seconds(seconds: Mapping[str, float] | None) -> str:
    if not seconds:
        return ""
    names = {"cuda": "GPU", "cpu": "CPU"}
    return ", ".join(
        f"{_time(value)} {names.get(name, name)}" for name, value in sorted(seconds.items())
    )


def _time(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 3600 else f"{seconds / 3600:,.2f} h"
