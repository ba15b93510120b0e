"""Sequence classifiers as reward models, fed as the research feeds them.

Source: ``multi_reward_models.py``. Harmless and helpful models read prompt and response as a pair,
humor (and "faithful") models the response alone, of whose two logits the second counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from typing_extensions import Self

from langchain_metaaligner.errors import CheckpointError, SettingError

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
        self._batch_size = batch_size
        if batch_size > 1:
            self._tokenizer.padding_side = "right"  # the last token that is no padding counts
            if self._tokenizer.pad_token is None:
                self._tokenizer.pad_token = self._tokenizer.eos_token
            model.config.pad_token_id = self._tokenizer.pad_token_id

    @property
    def limit(self) -> tuple[Callable[[str], int], int]:
        """How tokens are counted, and how many it takes at most."""
        return lambda text: len(
            self._tokenizer(text)["input_ids"]
        ), self._tokenizer.model_max_length

    @torch.inference_mode()
    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Score (prompt, response) pairs; those of like length share a forward pass."""
        longest = min(self._tokenizer.model_max_length, LONGEST)
        scores = [0.0] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda at: sum(map(len, pairs[at])))
        for start in range(0, len(order), self._batch_size):
            chosen = order[start : start + self._batch_size]
            columns = [list(texts) for texts in zip(*(pairs[at] for at in chosen), strict=True)]
            if self._response_only:
                columns = columns[1:]
            encoded = self._tokenizer(
                *columns,
                truncation=True,
                max_length=longest,
                padding=len(chosen) > 1,
                return_tensors="pt",
            )
            logits = self._model(**encoded.to(self._device)).logits
            for at, score in zip(chosen, logits[:, int(self._response_only)].tolist(), strict=True):
                scores[at] = float(score)
        return scores


@runtime_checkable
class Scorer(Protocol):
    """Whatever scores answers on objectives: a reward model, or code of your own."""

    def score(self, question: str, answer: str) -> dict[str, float]:
        """The scores of one answer, by objective; higher is better."""

    def score_all(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
        """The scores of many (question, answer) pairs."""


class ObjectiveScorer:
    """One classifier an objective, behind the interface of `Scorer`.

    Args:
        rewards: what scores (question, answer) pairs, by objective: a `SequenceReward`, or any
            callable that gives one number a pair.

    >>> scorer = ObjectiveScorer({"length": lambda pairs: [-len(answer) for _, answer in pairs]})
    >>> scorer.score("Why?", "So.")
    {'length': -3.0}
    """

    def __init__(
        self, rewards: Mapping[str, Callable[[Sequence[tuple[str, str]]], Sequence[float]]]
    ) -> None:
        self._rewards = dict(rewards)

    def score(self, question: str, answer: str) -> dict[str, float]:
        """The scores of one answer."""
        return self.score_all([(question, answer)])[0]

    def score_all(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
        """The scores of many (question, answer) pairs."""
        columns = {name: reward(pairs) for name, reward in self._rewards.items()}
        return [
            {name: float(column[at]) for name, column in columns.items()}
            for at in range(len(pairs))
        ]


def research_score(logit: float, mean_std: tuple[float, float] | None = None) -> float:
    """A logit as the research keeps it: normalised where statistics are given, one decimal.

    >>> research_score(0.36), research_score(0.36, (0.5, 2.0))
    (0.4, -0.1)
    """
    value = torch.tensor(logit, dtype=torch.float64)
    if mean_std is not None:
        value = (value - mean_std[0]) / mean_std[1]
    return float(value.numpy().round(1))


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
        try:
            tokenizer = AutoTokenizer.from_pretrained(model, **origin)
            loaded = AutoModelForSequenceClassification.from_pretrained(
                model, dtype=getattr(torch, dtype), **origin
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"No reward model could be loaded from {model!r}: {error} "
                "Give the Hub id or the folder of the DPA reward model."
            ) from error
        if loaded.config.num_labels != len(ATTRIBUTES):
            raise CheckpointError(
                f"{model!r} has {loaded.config.num_labels} outputs; the DPA reward model has "
                f"{len(ATTRIBUTES)}. Other classifiers run as SequenceReward."
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        loaded.config.pad_token_id = tokenizer.pad_token_id
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        made = cls(loaded.eval().to(device), tokenizer, batch_size)
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
    def score_all(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, float]]:
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
        return int(min(self._tokenizer.model_max_length, positions or LONGEST))

    @staticmethod
    def helpsteer(scores: Sequence[float] | Mapping[str, float]) -> list[float]:
        """The five HelpSteer attributes on their scale from 0 to 4; see `helpsteer`."""
        return helpsteer(scores)

    def verify(self, tolerance: float = 1.0) -> None:
        """Check the scores of the card's sample.

        Raises:
            CheckpointError: if they differ by more than ``tolerance``: another class or other
                weights were loaded in silence.
        """
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
        told = f"{unknown[0]!r} is not scored" if unknown else "all weights are 0"
        raise SettingError(
            f"weights={dict(weights)!r} were given, but {told}. "
            f"Give a weight for some of: {', '.join(scores)}."
        )
    return sum(weight * scores[name] for name, weight in weights.items()) / length
