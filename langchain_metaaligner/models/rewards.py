"""Sequence classifiers as reward models, fed as the research feeds them.

Source: ``multi_reward_models.py``. Harmless and helpful models read prompt and response as a pair,
humor (and "faithful") models the response alone, of whose two logits the second counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError

#: The research's reward models.
PUBLISHED = {
    "harmless": "Ray2333/gpt2-large-harmless-reward_model",
    "helpful": "Ray2333/gpt2-large-helpful-reward_model",
    "humor": "mohameddhiab/humor-no-humor",
}
LONGEST = 1024


class SequenceReward:
    """A sequence classifier that scores (prompt, response) pairs.

    Args:
        source: a Hub id or a folder.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by itself CUDA where there is one.
        response_only: whether it reads the response alone and its second logit counts; by itself
            so for names with ``humor`` or ``faithful``, as in the research.

    Raises:
        CheckpointError: if there is no such classifier.
    """

    def __init__(
        self, source: str, *, device: str | None = None, response_only: bool | None = None
    ) -> None:
        named = "humor" in source or "faithful" in source
        self._response_only = named if response_only is None else response_only
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForSequenceClassification.from_pretrained(
                source, num_labels=2 if self._response_only else 1, dtype=torch.bfloat16
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"No reward model could be loaded from {source!r}: {error} "
                "Give the Hub id or the folder of a sequence classifier."
            ) from error
        self._model = model.eval().to(self._device)

    @property
    def limit(self) -> tuple[Callable[[str], int], int]:
        """How tokens are counted, and how many it takes at most."""
        return lambda text: len(
            self._tokenizer(text)["input_ids"]
        ), self._tokenizer.model_max_length

    @torch.inference_mode()
    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Score (prompt, response) pairs, one after the other: not all tokenizers can pad."""
        longest = min(self._tokenizer.model_max_length, LONGEST)
        scores = []
        for prompt, response in pairs:
            texts = (response,) if self._response_only else (prompt, response)
            encoded = self._tokenizer(
                *texts, truncation=True, max_length=longest, return_tensors="pt"
            )
            logits = self._model(**encoded.to(self._device)).logits[0]
            scores.append(float(logits[1 if self._response_only else 0]))
        return scores
