"""``metaaligner evaluate imhi``: the IMHI benchmark."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from langchain_metaaligner.cli.evaluate.shared import print_result
from langchain_metaaligner.cli.options import (
    AsJson,
    Device,
    Escaped,
    OutputFolder,
    ResearchCompat,
    one_of,
)
from langchain_metaaligner.errors import DataError, SettingError, nearest

if TYPE_CHECKING:
    from langchain_metaaligner.evaluation.imhi.text import TextMetric

METRICS = ("bleu", "rouge1", "rouge2", "rougeL", "bert-score", "bart-score", "gpt-score")
_ALIASES = {
    "rouge": ("rouge1", "rouge2", "rougeL"),
    "gpt3-score": ("gpt-score",),
    "rougel": ("rougeL",),
}
"""Names that the research's script has for them, in lower case."""
EXAMPLES = (
    "metaaligner evaluate imhi aligned -o runs/imhi",
    "metaaligner evaluate imhi aligned/DR.csv -o runs/dr --metric rouge",
)


@dataclass(frozen=True, kw_only=True)
class MetricModels:
    """Which models the metrics of explanations use."""

    heading: ClassVar = "Models of the metrics"

    bert_model: Annotated[
        str, typer.Option(metavar="MODEL", help="Encoder of BERTScore: a Hub id or a folder.")
    ] = "roberta-large"
    bert_layer: Annotated[
        int | None,
        typer.Option(metavar="N", help="Layer of BERTScore, for models it does not know."),
    ] = None
    bart_model: Annotated[
        str, typer.Option(metavar="MODEL", help="Model of BARTScore: a Hub id or a folder.")
    ] = "facebook/bart-large-cnn"
    bart_weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The released bart_score.pth.")
    ] = None
    gpt_model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Causal model of GPT-score: a Hub id or a folder."),
    ] = None
    gpt_server: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Instead an OpenAI-compatible server of --gpt-model that echoes."
        ),
    ] = None
    device: Device = None


@dataclass(frozen=True, kw_only=True)
class People:
    """What the metrics are compared with."""

    heading: ClassVar = "Agreement with people"

    human: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="DR_annotation: correlation of each metric with people."
        ),
    ] = None
    human_reference: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What an explanation is compared with there: post, as the research does, or best, "
            "the best rated one of the same post.",
            autocompletion=one_of("post", "best"),
        ),
    ] = "post"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that `imhi` is asked for."""

    outputs: Annotated[
        Path,
        typer.Argument(
            help="Folder of files whose names begin with the data sets', or one of them."
        ),
    ]
    output: OutputFolder
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A data set. By default all. Repeatable."),
    ] = None
    column: Annotated[str | None, typer.Option(metavar="NAME", help="The column of outputs.")] = (
        None
    )
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(METRICS)}. Repeatable.",
            autocompletion=one_of(*METRICS),
        ),
    ] = None
    classifiers: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the MentalBERT label classifiers; else rules read labels.",
        ),
    ] = None
    models: MetricModels
    people: People
    escaped: Escaped = False
    research_compat: ResearchCompat = False
    as_json: AsJson = False


def imhi(run: Run) -> None:
    """Measure explanations on the IMHI test sets. For research only, never for diagnosis."""
    from langchain_metaaligner.evaluation.imhi.classifiers import LabelClassifiers
    from langchain_metaaligner.evaluation.imhi.outputs import data_files
    from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi
    from langchain_metaaligner.evaluation.imhi.text import corpus_bleu

    reference: Any = run.people.human_reference
    if reference not in ("post", "best"):
        raise SettingError(f"--human-reference {reference} is unknown. Give post or best.")
    names = list(dict.fromkeys(_metric_names(run.metric or ())))
    if run.people.human is not None and not names:
        raise SettingError("--human needs a --metric that is compared with the ratings.")
    data_files(run.outputs, run.dataset or ())  # a mistake there is said before a model is loaded
    device = run.models.device
    result = evaluate_imhi(
        run.outputs,
        run.output,
        datasets=run.dataset or (),
        column=run.column,
        metrics=_metrics(names, run.models),
        corpus_metrics={"bleu": corpus_bleu} if "bleu" in names else {},
        human=run.people.human,
        human_reference=reference,
        classifiers=LabelClassifiers(run.classifiers, device) if run.classifiers else None,
        research_compat=run.research_compat,
        escaped=run.escaped,
    )
    figures = result.figures["datasets"].values()
    if not run.as_json:
        sys.stdout.writelines(f"{its['line']}\n" for its in figures if "line" in its)
    print_result(result, run.as_json)
    if all("error" in its for its in figures):
        errors = "; ".join(dict.fromkeys(its["error"] for its in figures))
        raise DataError(f"No data set could be measured: {errors}")


def _metric_names(given: Sequence[str]) -> Iterator[str]:
    for name in given:
        plain = name.replace("_", "-").lower()
        names = _ALIASES.get(plain, (plain,))
        if names[0] not in METRICS:
            raise SettingError(
                f"--metric {name} is unknown.{nearest(name, METRICS)} "
                f"Give one of: {', '.join(METRICS)}."
            )
        yield from names


def _metrics(names: Sequence[str], models: MetricModels) -> dict[str, TextMetric]:
    """The metrics of rows; of BLEU the mean of sentences, beside that of the corpus."""
    from langchain_metaaligner.evaluation.imhi import text

    metrics: dict[str, TextMetric] = {}
    for name in names:
        if name == "bleu":
            metrics["sentence-bleu"] = text.sentence_bleu
        elif name == "bert-score":
            metrics[name] = text.bert_score(models.bert_model, models.bert_layer, models.device)
        elif name == "bart-score":
            metrics[name] = text.BartScore(models.bart_model, models.bart_weights, models.device)
        elif name == "gpt-score":
            metrics[name] = _gpt_score(models)
        else:
            metrics[name] = text.rouge(name)
    return metrics


def _gpt_score(models: MetricModels) -> TextMetric:
    from langchain_metaaligner.evaluation.imhi import gpt_score

    if models.gpt_model is None:
        raise SettingError("--metric gpt-score needs --gpt-model, a causal language model.")
    if models.gpt_server is None:
        return gpt_score.gpt_score(gpt_score.checkpoint_log_probs(models.gpt_model, models.device))
    return gpt_score.gpt_score(gpt_score.echoed_log_probs(models.gpt_model, models.gpt_server))
