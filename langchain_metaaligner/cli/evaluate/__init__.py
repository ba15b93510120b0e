"""``metaaligner evaluate``: what an edit gains and costs, one file per command."""

from __future__ import annotations

import typer

from langchain_metaaligner.cli.command import CommandGroup, add
from langchain_metaaligner.cli.evaluate import compare, imhi, judge, report, reward, unseen

evaluate = typer.Typer(
    name="evaluate",
    cls=CommandGroup,
    help="Measure what edits gain and cost.",
    no_args_is_help=True,
)

add(evaluate, judge.judge, group="A judge", examples=judge.EXAMPLES)
add(evaluate, judge.rate, group="A judge", examples=judge.RATE_EXAMPLES)
add(evaluate, unseen.unseen, group="A judge", examples=unseen.EXAMPLES)
add(evaluate, reward.reward, group="Without a judge", examples=reward.EXAMPLES)
add(evaluate, imhi.imhi, group="Without a judge", examples=imhi.EXAMPLES)
add(evaluate, compare.compare, group="Several systems", examples=compare.EXAMPLES)
add(evaluate, report.report, group="Several systems", examples=report.EXAMPLES)
