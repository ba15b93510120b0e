"""``metaaligner evaluate judge`` and ``rate``: what a judge thinks of edits."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from langchain_metaaligner.cli.evaluate.shared import (
    Compat,
    Concurrency,
    Dataset,
    Escaped,
    Input,
    JudgeName,
    JudgeOptions,
    Limit,
    Objectives,
    OneOrder,
    OnlyEstimate,
    Output,
    Price,
    QuestionColumn,
    Structured,
    Tries,
    check_objectives,
    console,
    estimate_told,
    make_judge,
    paid_calls,
    print_result,
    refuse_failure,
    unmade_settings,
)


def judge(
    source: Input,
    judge: JudgeName,
    output: Output,
    objective: Objectives,
    dataset: Dataset = "UltraFeedback",
    comparison: Annotated[
        list[str] | None,
        typer.Option(
            help='"aligned against golden", "original against golden" or "aligned against '
            'original"; by itself those that the file has. Repeatable.'
        ),
    ] = None,
    question_column: QuestionColumn = None,
    judge_option: JudgeOptions = None,
    structured: Structured = None,
    one_order: OneOrder = False,
    seed: Annotated[int, typer.Option(help="Seed of the positions.")] = 0,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    price: Price = None,
    only_estimate: OnlyEstimate = False,
    escaped: Escaped = False,
    research_compat: Compat = False,
) -> None:
    """Wins, ties and losses of aligned, original and golden answers; a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.judge import win_rates
    from langchain_metaaligner.evaluation.judge.research_files import write_predictions

    check_objectives(dataset, objective)
    answers = read_answers(
        source, limit, question=question_column, escaped=escaped or research_compat
    )
    pairs = win_rates.pairs_to_judge(
        answers,
        objective,
        comparison,
        both_orders=not one_order,
        seed=seed,
        research_compat=research_compat,
    )
    if only_estimate:
        settings = unmade_settings(judge, judge_option, dataset, structured, research_compat)
        estimate = win_rates.estimate_comparisons(pairs, output, settings)
        console().print(estimate_told(estimate, price), highlight=False)
        return
    asked = make_judge(judge, judge_option, concurrency, tries, structured)
    with paid_calls("judging", price, str(output / win_rates.LEDGER)) as (before, progress):
        result = win_rates.judge_answers(
            answers,
            objective,
            asked,
            output,
            dataset=dataset,
            comparisons=comparison,
            both_orders=not one_order,
            seed=seed,
            research_compat=research_compat,
            before=before,
            progress=progress,
        )
    if research_compat:
        sys.stdout.writelines(f"{line}\n" for line in write_predictions(result, source.stem))
    print_result(result)
    refuse_failure(result)


def rate(
    source: Input,
    judge: JudgeName,
    output: Output,
    objective: Objectives,
    dataset: Dataset = "UltraFeedback",
    question_column: QuestionColumn = None,
    judge_option: JudgeOptions = None,
    structured: Structured = None,
    concurrency: Concurrency = 8,
    tries: Tries = 5,
    limit: Limit = None,
    price: Price = None,
    only_estimate: OnlyEstimate = False,
    escaped: Escaped = False,
    research_compat: Compat = False,
) -> None:
    """Ratings from 0 to 10 before and after; started again, a stopped run goes on."""
    from langchain_metaaligner.evaluation.answers import read_answers
    from langchain_metaaligner.evaluation.judge import ratings
    from langchain_metaaligner.evaluation.judge.research_files import write_ratings

    check_objectives(dataset, objective)
    answers = read_answers(
        source, limit, question=question_column, escaped=escaped or research_compat
    )
    responses = ratings.responses_to_rate(answers, objective)
    if only_estimate:
        settings = unmade_settings(judge, judge_option, dataset, structured, research_compat)
        estimate = ratings.estimate_ratings(responses, output, settings)
        console().print(estimate_told(estimate, price), highlight=False)
        return
    asked = make_judge(judge, judge_option, concurrency, tries, structured)
    with paid_calls("rating", price, str(output / ratings.LEDGER)) as (before, progress):
        result = ratings.rate_answers(
            answers,
            objective,
            asked,
            output,
            dataset=dataset,
            research_compat=research_compat,
            before=before,
            progress=progress,
        )
    if research_compat:
        write_ratings(result, source.stem)
    print_result(result)
    refuse_failure(result)
