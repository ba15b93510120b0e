"""How close explanations are to the golden ones: BLEU, ROUGE, BERTScore and BARTScore.

All are figures of likeness, not of truth: see how each correlates with people's ratings
(`people.correlations`) before you rely on one. Source: ``src/score.py`` of the MentaLLaMA
repository.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.weights.device import best_device

TextMetric = Callable[[Sequence[str], Sequence[str]], list[float]]
"""Takes golden and generated texts, and gives one figure a row."""


CorpusMetric = Callable[[Sequence[str], Sequence[str]], float]
"""Takes golden and generated texts, and gives one figure of all rows together."""


def sentence_bleu(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
    """Sentence BLEU of sacrebleu, 0 to 100. Its mean is lower than `corpus_bleu`, as a rule.

    >>> [round(score) for score in sentence_bleu(["The pump moves."], ["The pump moves."])]
    [100]
    """
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=True)
    return [
        float(metric.sentence_score(text, [golden]).score)
        for golden, text in zip(goldens, texts, strict=True)
    ]


bleu = sentence_bleu
"""The name of `sentence_bleu` in 0.1.0."""


def corpus_bleu(goldens: Sequence[str], texts: Sequence[str]) -> float:
    """BLEU over all rows, 0 to 100: what the research and papers report."""
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
    """BERTScore F1, by the library of that name. An empty output scores 0.

    Args:
        model: a Hub id or a folder of an encoder.
        layer: whose hidden states are compared; by itself the library's choice for known models.
        device: where it runs.

    Raises:
        CheckpointError: if there is no such model.
        SettingError: if its layer must be named, or it has fewer.
    """
    from bert_score import BERTScorer
    from bert_score.utils import model2layers

    if layer is None and model not in model2layers:
        raise SettingError(
            f"BERTScore knows no layer for {model!r}. Name one with layer= (--bert-layer): for "
            "roberta-large it is 17 of 24."
        )
    try:
        scorer = BERTScorer(model_type=model, num_layers=layer, device=device, batch_size=16)
    except AssertionError as error:
        raise SettingError(f"layer={layer} cannot be used: {error}.") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"No encoder could be loaded from {model!r}: {error} Give its Hub id or its folder."
        ) from error
    # The library hands the tokenizer's own limit on, which is 10**30 where none is declared.
    tokenizer, config = scorer._tokenizer, scorer._model.config
    tokenizer.model_max_length = min(tokenizer.model_max_length, _positions(config))

    def score(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
        # It asks transformers 4 how an empty text is encoded, and would fail for it.
        scores = [math.nan if not golden.strip() else 0.0 for golden in goldens]
        both = zip(goldens, texts, strict=True)
        there = [at for at, (golden, text) in enumerate(both) if golden.strip() and text.strip()]
        if there:
            _, _, f1 = scorer.score([texts[at] for at in there], [goldens[at] for at in there])
            for at, value in zip(there, f1.tolist(), strict=True):
                scores[at] = value
        return scores

    return score


def _positions(config: Any) -> int:
    """Tokens that an encoder takes at most."""
    positions = getattr(config, "max_position_embeddings", None) or 512
    first = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    return int(positions) - first  # the positions of RoBERTa begin behind that of the padding


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
        """Score rows; higher is better, 0 the highest. An empty golden text has no score: nan.

        An empty output has one: how likely the golden text is after nothing.
        """
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
                float(total / length) if golden.strip() else math.nan
                for golden, total, length in zip(goldens[rows], sums, lengths, strict=True)
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
