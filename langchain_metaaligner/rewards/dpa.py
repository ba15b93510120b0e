"""The ten-attribute reward model of Directional Preference Alignment (DPA)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from typing_extensions import Self

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards.read import read_classifier
from langchain_metaaligner.rewards.scorer import Pairs
from langchain_metaaligner.weights.device import best_device

DPA = "RLHFlow/RewardModel-Mistral-7B-for-DPA-v1"
ATTRIBUTES = (
    "helpsteer-helpfulness", "helpsteer-correctness", "helpsteer-coherence",
    "helpsteer-complexity", "helpsteer-verbosity", "ultrafeedback-overall_score",
    "ultrafeedback-instruction_following", "ultrafeedback-truthfulness", "ultrafeedback-honesty",
    "ultrafeedback-helpfulness",
)  # fmt: skip
"""The ten outputs of the DPA reward model, in order."""

_DPA_PROMPT = (
    "[INST] You must read the following conversation carefully and rate the assistant's response "
    "from score 0-100 in these aspects: helpfulness, correctness, coherence, honesty, complexity, "
    "verbosity\n\nUser: {prompt}\n\nAssistant: {response} [/INST]"
)
_SAMPLE = (
    'What are some synonyms for the word "beautiful"?',
    "Nicely, Beautifully, Handsome, Stunning, Wonderful, Gorgeous, Pretty, Stunning, Elegant",
)
_SAMPLE_SCORES = (
    68.99269, 69.62718, 76.23071, 33.48785, 35.853596, 63.833366, 55.58917, 68.7175, 59.552124,
    46.465595,
)  # fmt: skip


class DPARewardModel:
    """The ten-attribute reward model of Directional Preference Alignment, as a `Scorer`.

    Source: the model card of ``RLHFlow/RewardModel-Mistral-7B-for-DPA-v1``; scores are about 0 to
    100. Make it with `from_pretrained`.

    Args:
        model: a sequence classifier with ten outputs, on its device.
        tokenizer: its tokenizer.
        batch_size: pairs in one forward pass.
    """

    def __init__(self, model: Any, tokenizer: Any, batch_size: int = 8) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._batch_size = batch_size

    @classmethod
    def from_pretrained(
        cls,
        model: str = DPA,
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "bfloat16",
        trust_remote_code: bool = False,
        batch_size: int = 8,
    ) -> Self:
        """Load the model.

        The published checkpoint brings a class of its own. It runs only with
        ``trust_remote_code``, for which a ``revision`` (a commit) must be named; without it the
        stock classifier of transformers reads the weights. Either way the published one is checked
        against the scores of its card (`verify`).

        Raises:
            CheckpointError: if there is no such classifier, it has not ten outputs, or the
                published one scores otherwise than its card says.
            SettingError: if remote code is to run without a pinned revision.
        """
        if trust_remote_code and revision is None and not Path(model).is_dir():
            raise SettingError(
                "trust_remote_code=True runs code of the repository. Name the commit that you have "
                "read: revision=..."
            )
        origin = {"revision": revision, "trust_remote_code": trust_remote_code}
        loaded, tokenizer = read_classifier(model, dtype=getattr(torch, dtype), **origin)
        if loaded.config.num_labels != len(ATTRIBUTES):
            raise CheckpointError(
                f"{model!r} has {loaded.config.num_labels} outputs; the DPA reward model has "
                f"{len(ATTRIBUTES)}. Other classifiers run as SequenceReward."
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        loaded.config.pad_token_id = tokenizer.pad_token_id
        made = cls(loaded.to(device or best_device()), tokenizer, batch_size)
        if model == DPA:
            made.verify()
        return made

    @staticmethod
    def prompt(question: str, answer: str) -> str:
        """What the model reads, byte for byte the card's."""
        return _DPA_PROMPT.format(prompt=question, response=answer)

    def score(self, question: str, answer: str) -> dict[str, float]:
        """The ten scores of one answer, in order."""
        return self.score_all([(question, answer)])[0]

    @torch.inference_mode()
    def score_all(self, pairs: Pairs) -> list[dict[str, float]]:
        """The ten scores of many (question, answer) pairs."""
        scores: list[dict[str, float]] = []
        for at in range(0, len(pairs), self._batch_size):
            texts = [self.prompt(*pair) for pair in pairs[at : at + self._batch_size]]
            encoded = self._tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self._longest(),
                return_tensors="pt",
            )
            logits = self._model(**encoded.to(self._model.device)).logits.float().tolist()
            scores += [dict(zip(ATTRIBUTES, row, strict=True)) for row in logits]
        return scores

    def _longest(self) -> int:
        positions = getattr(self._model.config, "max_position_embeddings", None)
        return int(min(self._tokenizer.model_max_length, positions or 1024))

    def verify(self, tolerance: float | None = None) -> None:
        """Check the scores of the card's sample.

        Args:
            tolerance: how far a score may be from the card's, which were computed in float32; by
                itself 1 there and 4 in half precision, whose numbers near 69 are 0.5 apart. Other
                weights are off by tens.

        Raises:
            CheckpointError: if they differ by more: another class or other weights were loaded in
                silence.
        """
        if tolerance is None:
            tolerance = 1.0 if self._model.dtype == torch.float32 else 4.0
        made = list(self.score(*_SAMPLE).values())
        worst = max(abs(a - b) for a, b in zip(made, _SAMPLE_SCORES, strict=True))
        if not worst <= tolerance:
            raise CheckpointError(
                f"The scores of the model card's sample differ by up to {worst:.2f}. The stock "
                "class may not fit the weights: load with trust_remote_code=True and a revision."
            )


def helpsteer(scores: Sequence[float] | Mapping[str, float]) -> list[float]:
    """The five HelpSteer attributes on their scale from 0 to 4.

    Args:
        scores: the ten scores, in order.

    >>> helpsteer([70.0, 50.0, 10.0, 30.0, 90.0] + [0.0] * 5)
    [3.0, 2.0, 0.0, 1.0, 4.0]
    """
    values = list(scores.values()) if isinstance(scores, Mapping) else list(scores)
    return [(value - 10) / 20 for value in values[:5]]


def directional(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The scalar reward in a direction: a weight for each attribute, scaled to length 1.

    Source: the arithmetic preference control of DPA (arXiv 2402.18571).

    Raises:
        SettingError: if an attribute has no score, or all weights are 0.

    >>> directional({"helpfulness": 60.0, "verbosity": 40.0}, {"helpfulness": 3, "verbosity": -4})
    4.0
    """
    unknown = [name for name in weights if name not in scores]
    length = math.hypot(*weights.values())
    if unknown or not length:
        fault = f"{unknown[0]!r} is not scored" if unknown else "all weights are 0"
        raise SettingError(
            f"weights={dict(weights)!r} were given, but {fault}. "
            f"Give a weight for some of: {', '.join(scores)}."
        )
    return sum(weight * scores[name] for name, weight in weights.items()) / length
