"""``metaaligner evaluate imhi``: the IMHI benchmark."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from langchain_metaaligner.errors import SettingError, nearest

if TYPE_CHECKING:
    from langchain_metaaligner.evaluation.imhi.text import TextMetric

METRICS = ("bleu", "rouge1", "rouge2", "rougeL", "bert-score", "bart-score", "gpt-score")


def imhi(
    outputs: Annotated[
        Path, typer.Argument(help="Folder of CSV files named after the data sets, or one of them.")
    ],
    output: Annotated[Path, typer.Option("--output", help="Folder for the result.")],
    dataset: Annotated[
        list[str] | None, typer.Option(help="A data set; by itself all. Repeatable.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="The column of outputs.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(METRICS)}. Repeatable.")
    ] = None,
    bert_model: Annotated[
        str, typer.Option(help="Encoder of BERTScore: a Hub id or a folder.")
    ] = "roberta-large",
    bert_layer: Annotated[
        int | None, typer.Option(help="Layer of BERTScore, for models it does not know.")
    ] = None,
    bart_model: Annotated[
        str, typer.Option(help="Model of BARTScore: a Hub id or a folder.")
    ] = "facebook/bart-large-cnn",
    bart_weights: Annotated[Path | None, typer.Option(help="The released bart_score.pth.")] = None,
    gpt_model: Annotated[
        str | None, typer.Option(help="Causal model of GPT-score: a Hub id or a folder.")
    ] = None,
    gpt_server: Annotated[
        str | None,
        typer.Option(help="Instead an OpenAI-compatible server of --gpt-model that echoes."),
    ] = None,
    human: Annotated[
        Path | None, typer.Option(help="DR_annotation: correlation of each metric with people.")
    ] = None,
    classifiers: Annotated[
        Path | None,
        typer.Option(help="Folder of the MentalBERT label classifiers; else rules read labels."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where models run.")] = None,
    research_compat: Annotated[
        bool, typer.Option("--research-compat", help="As the research script, bugs included.")
    ] = False,
) -> None:
    """Measure explanations on the IMHI test sets. For research only, never for diagnosis."""
    from langchain_metaaligner.evaluation.imhi import text as text_metrics
    from langchain_metaaligner.evaluation.imhi.classifiers import LabelClassifiers
    from langchain_metaaligner.evaluation.imhi.labels import NOTICE
    from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi

    chosen: dict[str, TextMetric] = {}
    for name in metric or ():
        if name not in METRICS:
            raise SettingError(
                f"--metric {name} is unknown.{nearest(name, METRICS)} "
                f"Give one of: {', '.join(METRICS)}."
            )
        if name == "bleu":
            chosen[name] = text_metrics.bleu
        elif name == "bert-score":
            chosen[name] = text_metrics.bert_score(bert_model, bert_layer, device)
        elif name == "bart-score":
            chosen[name] = text_metrics.BartScore(bart_model, bart_weights, device)
        elif name == "gpt-score":
            chosen[name] = _gpt_score(gpt_model, gpt_server, device)
        else:
            chosen[name] = text_metrics.rouge(name)
    result = evaluate_imhi(
        outputs,
        output,
        datasets=dataset or (),
        column=column,
        metrics=chosen,
        human=human,
        classifiers=LabelClassifiers(classifiers, device) if classifiers else None,
        research_compat=research_compat,
    )
    table = Table("data set", "rows", "accuracy", "weighted F1", "out of domain", "empty", *chosen)
    for name, told in result.figures["datasets"].items():
        if "error" in told:
            table.add_row(name, told["error"])
            continue
        means = ["" if one is None else f"{one:.3f}" for one in told["metrics"].values()]
        numbers = (f"{told['rows']:,}", f"{told['accuracy']:.2f}", f"{told['weighted_f1']:.2f}")
        unknown = "" if told["out_of_domain"] is None else str(told["out_of_domain"])
        table.add_row(name, *numbers, unknown, str(told["empty"]), *means)
        sys.stdout.write(f"{told['line']}\n")
    console = Console(stderr=True)
    console.print(table)
    console.print(NOTICE)


def _gpt_score(model: str | None, server: str | None, device: str | None) -> TextMetric:
    from langchain_metaaligner.evaluation.imhi import gpt_score

    if model is None:
        raise SettingError("--metric gpt-score needs --gpt-model, a causal language model.")
    if server is None:
        return gpt_score.gpt_score(gpt_score.checkpoint_log_probs(model, device))
    return gpt_score.gpt_score(gpt_score.echoed_log_probs(model, server))
