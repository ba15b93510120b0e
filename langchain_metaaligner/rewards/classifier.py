"""Sequence classifiers as reward models, fed as the research feeds them.

Source: ``multi_reward_models.py``. Harmless and helpful models read prompt and response as a pair,
humor (and "faithful") models the response alone, of whose two logits the second counts.
"""

from __future__ import annotations

import torch

from langchain_metaaligner.rewards.dpa import DPARewardModel
from langchain_metaaligner.rewards.read import read_classifier
from langchain_metaaligner.rewards.scorer import ObjectiveScorer, Pairs, Scorer
from langchain_metaaligner.weights.device import best_device

__all__ = [
    "LONGEST",
    "PUBLISHED",
    "DPARewardModel",
    "ObjectiveScorer",
    "Scorer",
    "SequenceReward",
]

#: The research's reward models.
PUBLISHED = {
    "harmless": "Ray2333/gpt2-large-harmless-reward_model",
    "helpful": "Ray2333/gpt2-large-helpful-reward_model",
    "humor": "mohameddhiab/humor-no-humor",
}
LONGEST = 1024
"""Tokens that are read of a pair, at most, as in the research."""


class SequenceReward:
    """A sequence classifier that scores (prompt, response) pairs.

    Args:
        source: a Hub id or a folder.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by itself the best there is.
        response_only: whether it reads the response alone and its second logit counts; by itself
            so for names with ``humor`` or ``faithful``, as in the research.
        batch_size: answers in one forward pass. With 1 a score depends on nothing but its own
            answer; more is faster on a GPU, and rounds bfloat16 a little differently.

    Raises:
        CheckpointError: if there is no such classifier.
    """

    def __init__(
        self,
        source: str,
        *,
        device: str | None = None,
        response_only: bool | None = None,
        batch_size: int = 1,
    ) -> None:
        named = "humor" in source or "faithful" in source
        self._response_only = named if response_only is None else response_only
        self._device = device or best_device()
        model, self._tokenizer = read_classifier(
            source, num_labels=2 if self._response_only else 1, dtype=torch.bfloat16
        )
        self._model = model.to(self._device)
        self._batch_size = batch_size
        if batch_size > 1:
            self._tokenizer.padding_side = "right"  # the last token that is no padding counts
            if self._tokenizer.pad_token is None:
                self._tokenizer.pad_token = self._tokenizer.eos_token
            model.config.pad_token_id = self._tokenizer.pad_token_id

    @torch.inference_mode()
    def __call__(self, pairs: Pairs) -> list[float]:
        """Score (prompt, response) pairs; those of like length share a forward pass."""
        longest = min(self._tokenizer.model_max_length, LONGEST)
        scores = [0.0] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda at: sum(map(len, pairs[at])))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            columns = [list(texts) for texts in zip(*(pairs[at] for at in batch), strict=True)]
            if self._response_only:
                columns = columns[1:]
            encoded = self._tokenizer(
                *columns,
                truncation=True,
                max_length=longest,
                padding=len(batch) > 1,
                return_tensors="pt",
            )
            logits = self._model(**encoded.to(self._device)).logits
            for at, score in zip(batch, logits[:, int(self._response_only)].tolist(), strict=True):
                scores[at] = float(score)
        return scores
