"""``metaaligner evaluate judge`` and ``rate``: what a judge thinks of edits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_metaaligner.cli.evaluate.shared import (
    Cost,
    Input,
    JudgeName,
    JudgeOptions,
    OneOrder,
    check_objectives,
    estimate_told,
    paid_calls,
    print_result,
    refuse_failure,
)
from langchain_metaaligner.cli.options import (
    AsJson,
    Escaped,
    Limit,
    Objectives,
    OutputFolder,
    QuestionColumn,
    ResearchCompat,
    one_of,
)
from langchain_metaaligner.cli.terminal import console

if TYPE_CHECKING:
    from langchain_metaaligner.evaluation.answers import Answers
    from langchain_metaaligner.evaluation.judge.ask import Estimate
    from langchain_metaaligner.evaluation.results import Result

COMPARISONS = ("aligned against golden", "original against golden", "aligned against original")
EXAMPLES = (
    "metaaligner evaluate judge a.csv --judge openai:gpt-4o -O fair -o runs/j",
    "metaaligner evaluate judge a.csv --judge openai:gpt-4o -O fair -o runs/j \\\n"
    "    --estimate --price 2.5",
)
RATE_EXAMPLES = ("metaaligner evaluate rate a.csv --judge openai:gpt-4o -O fair -o runs/r",)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What both commands are asked for."""

    source: Input
    judge: JudgeName
    output: OutputFolder
    objective: Objectives
    question_column: QuestionColumn = None
    limit: Limit = None
    asking: JudgeOptions
    cost: Cost
    escaped: Escaped = False
    research_compat: ResearchCompat = False
    as_json: AsJson = False

    def answers(self) -> list[Answers]:
        """The answers to be judged; a mistake in the objectives is found before.

        Raises:
            ObjectiveError: if an objective is unknown.
            DataError: if the answers cannot be read.
        """
        from langchain_metaaligner.evaluation.answers import read_answers

        check_objectives(self.asking.dataset, self.objective)
        return read_answers(
            self.source,
            self.limit,
            question=self.question_column,
            escaped=self.escaped or self.research_compat,
        )

    def print_estimate(self, estimate: Estimate) -> None:
        """Say what the run would cost."""
        console().print(estimate_told(estimate, self.cost.price), highlight=False)

    def end(self, result: Result) -> None:
        """Print the result.

        Raises:
            CallError: if nothing that was asked could be used.
        """
        print_result(result, self.as_json)
        refuse_failure(result)


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """Which pairs are compared, and how."""

    comparison: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PAIR",
            help='"aligned against golden", "original against golden" or "aligned against '
            'original". By default those that the file has. Repeatable.',
            autocompletion=one_of(*COMPARISONS),
        ),
    ] = None
    one_order: OneOrder = False
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the positions.")] = 0


def judge(run: Run, comparing: Comparing) -> None:
    """Wins, ties and losses of aligned, original and golden answers; a stopped run goes on."""
    from langchain_metaaligner.evaluation.judge import win_rates
    from langchain_metaaligner.evaluation.judge.research_files import write_predictions

    answers = run.answers()
    both_orders = not comparing.one_order
    pairs = win_rates.pairs_to_judge(
        answers,
        run.objective,
        comparing.comparison,
        both_orders=both_orders,
        seed=comparing.seed,
        research_compat=run.research_compat,
    )
    if run.cost.only_estimate:
        settings = run.asking.settings(run.judge, run.research_compat)
        run.print_estimate(win_rates.estimate_comparisons(pairs, run.output, settings))
        return
    asked = run.asking.make(run.judge)
    ledger = str(run.output / win_rates.LEDGER)
    with paid_calls("judging", run.cost.price, ledger) as (before, progress):
        result = win_rates.judge_answers(
            answers,
            run.objective,
            asked,
            run.output,
            dataset=run.asking.dataset,
            comparisons=comparing.comparison,
            both_orders=both_orders,
            seed=comparing.seed,
            research_compat=run.research_compat,
            before=before,
            progress=progress,
        )
    if run.research_compat:
        sys.stdout.writelines(f"{line}\n" for line in write_predictions(result, run.source.stem))
    run.end(result)


def rate(run: Run) -> None:
    """Ratings from 0 to 10 before and after; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.judge import ratings
    from langchain_metaaligner.evaluation.judge.research_files import write_ratings

    answers = run.answers()
    responses = ratings.responses_to_rate(answers, run.objective)
    if run.cost.only_estimate:
        settings = run.asking.settings(run.judge, run.research_compat)
        run.print_estimate(ratings.estimate_ratings(responses, run.output, settings))
        return
    asked = run.asking.make(run.judge)
    ledger = str(run.output / ratings.LEDGER)
    with paid_calls("rating", run.cost.price, ledger) as (before, progress):
        result = ratings.rate_answers(
            answers,
            run.objective,
            asked,
            run.output,
            dataset=run.asking.dataset,
            research_compat=run.research_compat,
            before=before,
            progress=progress,
        )
    if run.research_compat:
        write_ratings(result, run.source.stem)
    run.end(result)
