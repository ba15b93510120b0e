"""``metaaligner evaluate imhi``: the IMHI benchmark."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_metaaligner.cli.evaluate.shared import Escaped, print_result
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


@dataclass(frozen=True)
class MetricModels:
    """Which models the metrics of explanations use.

    Attributes:
        bert: encoder of BERTScore.
        bert_layer: its layer.
        bart: model of BARTScore.
        bart_weights: the released weights.
        gpt: causal model of GPT-score.
        gpt_server: where it is served; None loads it.
        device: where models run.
    """

    bert: str
    bert_layer: int | None
    bart: str
    bart_weights: Path | None
    gpt: str | None
    gpt_server: str | None
    device: str | None


def imhi(
    outputs: Annotated[
        Path,
        typer.Argument(
            help="Folder of files whose names begin with the data sets', or one of them."
        ),
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
    human_reference: Annotated[
        str,
        typer.Option(
            help="What an explanation is compared with there: post, as the research does, or best, "
            "the best rated one of the same post."
        ),
    ] = "post",
    classifiers: Annotated[
        Path | None,
        typer.Option(help="Folder of the MentalBERT label classifiers; else rules read labels."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where models run.")] = None,
    escaped: Escaped = False,
    research_compat: Annotated[
        bool, typer.Option("--research-compat", help="As the research script, bugs included.")
    ] = False,
) -> None:
    """Measure explanations on the IMHI test sets. For research only, never for diagnosis."""
    from langchain_metaaligner.evaluation.imhi.classifiers import LabelClassifiers
    from langchain_metaaligner.evaluation.imhi.outputs import data_files
    from langchain_metaaligner.evaluation.imhi.run import evaluate_imhi
    from langchain_metaaligner.evaluation.imhi.text import corpus_bleu

    reference: Any = human_reference
    if reference not in ("post", "best"):
        raise SettingError(f"--human-reference {reference} is unknown. Give post or best.")
    names = list(dict.fromkeys(_metric_names(metric or ())))
    if human is not None and not names:
        raise SettingError("--human needs a --metric that is compared with the ratings.")
    data_files(outputs, dataset or ())  # a mistake there is told before a model is loaded
    models = MetricModels(
        bert_model, bert_layer, bart_model, bart_weights, gpt_model, gpt_server, device
    )
    result = evaluate_imhi(
        outputs,
        output,
        datasets=dataset or (),
        column=column,
        metrics=_metrics(names, models),
        corpus_metrics={"bleu": corpus_bleu} if "bleu" in names else {},
        human=human,
        human_reference=reference,
        classifiers=LabelClassifiers(classifiers, device) if classifiers else None,
        research_compat=research_compat,
        escaped=escaped,
    )
    figures = result.figures["datasets"].values()
    sys.stdout.writelines(f"{its['line']}\n" for its in figures if "line" in its)
    print_result(result)
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
            metrics[name] = text.bert_score(models.bert, models.bert_layer, models.device)
        elif name == "bart-score":
            metrics[name] = text.BartScore(models.bart, models.bart_weights, models.device)
        elif name == "gpt-score":
            metrics[name] = _gpt_score(models)
        else:
            metrics[name] = text.rouge(name)
    return metrics


def _gpt_score(models: MetricModels) -> TextMetric:
    from langchain_metaaligner.evaluation.imhi import gpt_score

    if models.gpt is None:
        raise SettingError("--metric gpt-score needs --gpt-model, a causal language model.")
    if models.gpt_server is None:
        return gpt_score.gpt_score(gpt_score.checkpoint_log_probs(models.gpt, models.device))
    return gpt_score.gpt_score(gpt_score.echoed_log_probs(models.gpt, models.gpt_server))
