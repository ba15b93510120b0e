"""Reads sequence classifiers."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForSequenceClassification, AutoTokenizer

from langchain_metaaligner.errors import CheckpointError
from langchain_metaaligner.weights.loading import reading


def read_classifier(source: str, **options: Any) -> tuple[Any, Any]:
    """Read a sequence classifier and its tokenizer.

    Args:
        source: a Hub id or a folder.
        **options: of ``from_pretrained``, such as ``num_labels`` and ``dtype``.

    Returns:
        The model, in evaluation mode, and its tokenizer.

    Raises:
        CheckpointError: if there is no such classifier, or a part of its weights is missing, for
            which transformers puts in random numbers.
    """
    origin = {key: options[key] for key in ("revision", "trust_remote_code") if key in options}
    try:
        with reading():
            tokenizer = AutoTokenizer.from_pretrained(source, **origin)
            loaded: Any = AutoModelForSequenceClassification.from_pretrained(
                source, output_loading_info=True, **options
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"No reward model could be loaded from {source!r}: {error} "
            "Give the Hub id or the folder of a sequence classifier."
        ) from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise CheckpointError(
            f"The weights of {source!r} lack {missing[0]!r}: random numbers would stand in. It is "
            "no sequence classifier, or one of another class. Give one that was trained to score."
        )
    return model.eval(), tokenizer
