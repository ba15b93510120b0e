"""How close explanations are to the golden ones: BLEU, ROUGE, BERTScore and BARTScore.

All are figures of likeness, not of truth: see how each correlates with people's ratings
(`correlation`) before you rely on one. Source: ``src/score.py`` of the MentaLLaMA repository.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.weights.device import best_device

TextMetric = Callable[[Sequence[str], Sequence[str]], list[float]]
"""Takes golden and generated texts, and gives one figure a row."""


def bleu(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
    """Sentence BLEU of sacrebleu, 0 to 100.

    >>> [round(one) for one in bleu(["The pump moves water."], ["The pump moves water."])]
    [100]
    """
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=True)
    return [
        float(metric.sentence_score(text, [golden]).score)
        for golden, text in zip(goldens, texts, strict=True)
    ]


def corpus_bleu(goldens: Sequence[str], texts: Sequence[str]) -> float:
    """BLEU over all rows, 0 to 100: what papers report."""
    from sacrebleu.metrics.bleu import BLEU

    return float(BLEU().corpus_score(list(texts), [list(goldens)]).score)


def rouge(kind: str = "rougeL") -> TextMetric:
    """ROUGE F1 of rouge-score, 0 to 1.

    Args:
        kind: "rouge1", "rouge2" or "rougeL".

    >>> rouge("rouge1")(["a pump moves water"], ["a pump lifts water"])
    [0.75]
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind])

    def score(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
        return [
            float(scorer.score(golden, text)[kind].fmeasure)
            for golden, text in zip(goldens, texts, strict=True)
        ]

    return score


def bert_score(model: str, layer: int | None = None, device: str | None = None) -> TextMetric:
    """BERTScore F1, by the library of that name.

    Args:
        model: a Hub id or a folder of an encoder.
        layer: whose hidden states are compared; by itself the library's choice for known models.
        device: where it runs.
    """
    from bert_score import BERTScorer

    scorer = BERTScorer(model_type=model, num_layers=layer, device=device, batch_size=16)

    def score(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
        _, _, f1 = scorer.score(list(texts), list(goldens))
        return [float(one) for one in f1]

    return score


class BartScore:
    """BARTScore: the mean log-likelihood that a BART gives to the golden text after the output.

    Args:
        model: a Hub id or a folder; the research's is ``facebook/bart-large-cnn``.
        weights: the released ``bart_score.pth``, read weights-only; None keeps the model's own.
        device: where it runs.
        batch_size: rows in one forward pass.

    Raises:
        CheckpointError: if the model or the weights cannot be read.
    """

    LONGEST = 1024

    def __init__(
        self,
        model: str = "facebook/bart-large-cnn",
        weights: Path | None = None,
        device: str | None = None,
        batch_size: int = 4,
    ) -> None:
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
            self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(model)
            if weights is not None:
                state = torch.load(weights, map_location="cpu", weights_only=True)
                self._model.load_state_dict(state)
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"No BART could be loaded from {model!r} (weights: {weights}): {error} Give the "
                "Hub id or the folder of an encoder-decoder, and weights that fit it."
            ) from error
        self._device = device or best_device()
        self._model.to(self._device).eval()
        self._batch_size = batch_size

    @torch.inference_mode()
    def __call__(self, goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
        """Score rows; higher is better, 0 the highest. An empty golden text has no score: nan."""
        scores: list[float] = []
        for at in range(0, len(goldens), self._batch_size):
            rows = slice(at, at + self._batch_size)
            source, target = self._encoded(texts[rows]), self._encoded(goldens[rows])
            labels = target["input_ids"].masked_fill(target["attention_mask"] == 0, -100)
            logits = self._model(**source, labels=labels).logits
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), labels, ignore_index=-100, reduction="none"
            )
            lengths = (labels != -100).sum(dim=1)
            sums = -losses.sum(dim=1)
            scores += [
                float(total / length) if length else math.nan
                for total, length in zip(sums, lengths, strict=True)
            ]
        return scores

    def _encoded(self, texts: Sequence[str]) -> Any:
        return self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self.LONGEST,
            padding=True,
            return_tensors="pt",
        ).to(self._device)
