"""Pairs of a chosen and a rejected answer, for CDPO and reward models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.tokens import completion_ids, prompt_ids
from langchain_metaaligner.training.examples import Examples, read_rows

#: The columns of the research's CSV files, and ours.
_NAMES = {"queries": "prompt", "chosen_responses": "chosen", "reject_responses": "rejected"}
_COLUMNS = list(_NAMES.values())


def read_comparisons(path: Path) -> Dataset:
    """Read pairs as a data set of ``prompt``, ``chosen`` and ``rejected``, mapped from disk.

    Args:
        path: a CSV file of ``queries``, ``chosen_responses`` and ``reject_responses``, JSON lines
            with our columns, or a folder that `datasets` saved.

    Raises:
        RecipeError: if there is no such file or folder, or it has other columns.
        DataError: if a row of a CSV file is broken.
    """
    rows = read_rows(path)
    rows = rows.rename_columns(
        {old: new for old, new in _NAMES.items() if old in rows.column_names}
    )
    if not set(_COLUMNS) <= set(rows.column_names):
        raise RecipeError(
            f"{path} has the columns {', '.join(rows.column_names)}. Pairs need "
            f"{', '.join(_COLUMNS)}, or {', '.join(_NAMES)}."
        )
    return rows.select_columns(_COLUMNS)


def tokenise_apart(pairs: Dataset, tokenizer: Any, max_length: int) -> Examples:
    """Tokenise prompt and answers apart, as inference reads a prompt, with the end of sequence.

    Args:
        pairs: with ``prompt``, ``chosen`` and ``rejected``.
        tokenizer: of the model.
        max_length: tokens of prompt and longer answer; longer pairs are left out.

    Returns:
        Rows of ``prompt_ids``, ``chosen_ids`` and ``rejected_ids``.

    Raises:
        RecipeError: if nothing is left.
    """

    def encode(row: dict[str, str]) -> dict[str, list[int]]:
        return {
            "prompt_ids": prompt_ids(tokenizer, row["prompt"]),
            "chosen_ids": completion_ids(tokenizer, row["chosen"]),
            "rejected_ids": completion_ids(tokenizer, row["rejected"]),
        }

    return _fitting(pairs.map(encode, remove_columns=pairs.column_names), max_length)


def tokenise_scored(pairs: Dataset, tokenizer: Any, max_length: int) -> Examples:
    """Tokenise each answer with its prompt, as `SequenceReward` will when it scores it.

    Args:
        pairs: with ``prompt``, ``chosen`` and ``rejected``.
        tokenizer: of the reward model.
        max_length: tokens of prompt and longer answer; longer pairs are left out.

    Returns:
        Rows of ``chosen_ids`` and ``rejected_ids``, the prompt in both.

    Raises:
        RecipeError: if nothing is left.
    """

    def encode(row: dict[str, str]) -> dict[str, list[int]]:
        return {
            f"{side}_ids": tokenizer(row["prompt"], row[side], verbose=False)["input_ids"]
            for side in ("chosen", "rejected")
        }

    return _fitting(pairs.map(encode, remove_columns=pairs.column_names), max_length)


def _fitting(encoded: Dataset, max_length: int) -> Examples:
    def fits(row: dict[str, list[int]]) -> bool:
        longer = max(len(row["chosen_ids"]), len(row["rejected_ids"]))
        return len(row.get("prompt_ids", ())) + longer <= max_length

    fitting = encoded.filter(fits)
    if not len(fitting):
        raise RecipeError(
            f"None of the {len(encoded):,} pairs fits in max_length={max_length} tokens. "
            "Give a longer one, or other data."
        )
    return Examples(fitting, len(encoded) - len(fitting))
