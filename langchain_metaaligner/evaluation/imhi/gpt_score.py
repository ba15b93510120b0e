"""GPT-score: how likely a language model finds an explanation after the golden one.

Source: ``GPT3_score`` of ``src/score.py`` in the MentaLLaMA repository (GPTScore, arXiv
2302.04166): the mean log-probability of the generated text's tokens, the golden text standing
before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from langchain_metaaligner.errors import (
    CheckpointError,
    DataError,
    MissingExtraError,
    SettingError,
)
from langchain_metaaligner.evaluation.imhi.text import TextMetric
from langchain_metaaligner.weights.device import best_device

LogProbs = Callable[[str, str], Sequence[float]]
"""Takes a text before and a text, and gives the log-probability of each token of the latter."""


def gpt_score(log_probs: LogProbs) -> TextMetric:
    """GPT-score as a metric of explanations; higher is better, 0 the highest.

    An empty text has no tokens and no score: nan.

    >>> gpt_score(lambda before, text: [-1.0, -2.0])(["golden"], ["generated"])
    [-1.5]
    """

    def score(goldens: Sequence[str], texts: Sequence[str]) -> list[float]:
        scores = []
        for golden, text in zip(goldens, texts, strict=True):
            tokens = log_probs(golden, text) if text.strip() else ()
            scores.append(fmean(tokens) if tokens else math.nan)
        return scores

    return score


def checkpoint_log_probs(model: str, device: str | None = None) -> LogProbs:
    """Log-probabilities by a local causal language model.

    Args:
        model: a Hub id or a folder.
        device: where it runs; by itself CUDA where there is one.

    Raises:
        CheckpointError: if there is no such model, or its tokenizer cannot tell where tokens start.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(model)
        loaded: Any = AutoModelForCausalLM.from_pretrained(model)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"No causal language model could be loaded from {model!r}: {error} "
            "Give its Hub id or its folder."
        ) from error
    if not tokenizer.is_fast:
        raise CheckpointError(f"{model!r} has no fast tokenizer. Give a model that has one.")
    device = device or best_device()
    loaded.to(device).eval()
    longest = getattr(loaded.config, "max_position_embeddings", tokenizer.model_max_length)

    @torch.inference_mode()
    def log_probs(before: str, text: str) -> list[float]:
        encoded = tokenizer(before + text, return_offsets_mapping=True, return_tensors="pt")
        ends = encoded.pop("offset_mapping")[0, :, 1]
        ids = encoded["input_ids"][:, -longest:].to(device)
        logits = loaded(ids).logits[0, :-1].float().log_softmax(dim=-1)
        of_tokens = logits.gather(1, ids[0, 1:, None])[:, 0]
        return [
            float(value)
            for value, end in zip(of_tokens, ends[-longest:][1:], strict=True)
            if end > len(before)
        ]

    return log_probs


def echoed_log_probs(model: str, base_url: str) -> LogProbs:
    """Log-probabilities by an OpenAI-compatible server that echoes the prompt, such as vLLM.

    Args:
        model: its name there.
        base_url: where ``/completions`` is. The key is read from ``OPENAI_API_KEY``.

    Raises:
        MissingExtraError: if langchain-openai is not installed.
        SettingError: if there is no key.
        DataError: when scoring, if the server returns no log-probabilities of the prompt.
    """
    try:
        from langchain_openai import OpenAI
    except ImportError as error:
        raise MissingExtraError("A model behind a server", "server") from error
    try:
        llm = OpenAI(
            model=model,
            base_url=base_url,
            max_tokens=1,
            logprobs=1,
            temperature=0,
            model_kwargs={"echo": True},
        )
    except Exception as error:  # the client's own errors, most often for want of a key
        raise SettingError(
            f"The client of {model!r} at {base_url} cannot be made: {error} Set OPENAI_API_KEY; a "
            "server without keys takes any."
        ) from error

    def log_probs(before: str, text: str) -> list[float]:
        info = llm.generate([before + text]).generations[0][0].generation_info or {}
        logprobs = info.get("logprobs")
        if not logprobs or "text_offset" not in logprobs:
            raise DataError(
                "The server returned no log-probabilities of the prompt. It must support echo=true "
                "with logprobs; else give the folder of a local model."
            )
        tokens = zip(
            logprobs["tokens"], logprobs["text_offset"], logprobs["token_logprobs"], strict=True
        )
        return [
            float(value)
            for token, start, value in tokens
            if value is not None and len(before) < start + len(token) <= len(before + text)
        ]

    return log_probs
