"""The MentalBERT classifiers that read the label off an explanation.

Source: ``src/label_inference.py`` of the MentaLLaMA repository: one BERT for each data set of IMHI.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError, DataError
from langchain_metaaligner.evaluation.imhi.labels import LABELS
from langchain_metaaligner.weights.device import best_device

LONGEST = 512


class LabelClassifiers:
    """One sequence classifier for each data set, loaded when it is first used.

    Args:
        folder: holds a checkpoint for each data set, in a folder of its name.
        device: where they run; by itself CUDA where there is one.
        batch_size: texts in one forward pass.
    """

    def __init__(self, folder: Path, device: str | None = None, batch_size: int = 8) -> None:
        self.folder = folder
        self._device = device or best_device()
        self._batch_size = batch_size

    @torch.inference_mode()
    def __call__(self, dataset: str, texts: Sequence[str]) -> list[str]:
        """The label of each text, one of `imhi.LABELS` of the data set.

        Raises:
            DataError: if the classifiers know no such data set.
            CheckpointError: if the folder has no classifier for it, or one with another number of
                labels.
        """
        if dataset not in LABELS:
            raise DataError(
                f"The label classifiers know no data set {dataset!r}. "
                f"They know: {', '.join(sorted(LABELS))}."
            )
        tokenizer, model = self._load(dataset)
        labels: list[str] = []
        for at in range(0, len(texts), self._batch_size):
            encoded = tokenizer(
                list(texts[at : at + self._batch_size]),
                padding=True,
                truncation=True,
                max_length=LONGEST,
                return_tensors="pt",
            )
            classes = model(**encoded.to(self._device)).logits.argmax(dim=-1)
            labels += [LABELS[dataset][number] for number in classes.tolist()]
        return labels

    def _load(self, dataset: str) -> tuple[Any, Any]:
        source = self.folder / dataset
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(source))
            model = AutoModelForSequenceClassification.from_pretrained(str(source))
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"No classifier could be loaded from {source}: {error} Give a folder that holds "
                f"one for each data set, in a folder of its name."
            ) from error
        if model.config.num_labels != len(LABELS[dataset]):
            raise CheckpointError(
                f"{source} has {model.config.num_labels} labels, and {dataset} has "
                f"{len(LABELS[dataset])}: {', '.join(LABELS[dataset])}. Give the classifier that "
                "was trained for it."
            )
        return tokenizer, model.to(self._device).eval()
