"""Training examples: prompt and answer, tokenised apart by the code that inference uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

from datasets import Dataset, load_dataset, load_from_disk

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.reading import completion_ids, prompt_ids


class Examples(NamedTuple):
    """Tokenised examples, and how many were too long to be among them.

    Attributes:
        rows: a data set with ``input_ids`` and ``completion_mask`` (1 on the answer).
        too_long: examples left out.
    """

    rows: Dataset
    too_long: int


def read_pairs(path: Path) -> Dataset:
    """Read examples as a data set of ``prompt`` and ``completion``, mapped from disk.

    Args:
        path: a research JSON (one array of ``conversations``), JSON lines of either form, or a
            folder that `datasets` saved.

    Raises:
        RecipeError: if there is no such file or folder, or it has other columns.
    """
    try:
        if path.is_dir():
            found = load_from_disk(str(path))
        else:
            found = load_dataset("json", data_files=str(path), split="train")
    except Exception as error:
        raise RecipeError(
            f"The examples in {path} cannot be read ({type(error).__name__}: {error}). Give a "
            "research JSON, JSON lines, or one split of a datasets folder."
        ) from error
    columns = getattr(found, "column_names", None)
    if isinstance(columns, dict):
        raise RecipeError(f"{path} has several splits. Give one: {', '.join(columns)}.")
    rows = cast(Dataset, found)
    if "conversations" in rows.column_names:
        rows = rows.map(_from_conversation, remove_columns=rows.column_names)
    if not {"prompt", "completion"} <= set(rows.column_names):
        raise RecipeError(
            f"{path} has the columns {', '.join(rows.column_names)}. "
            "Examples need prompt and completion, or conversations."
        )
    return rows.select_columns(["prompt", "completion"])


def _from_conversation(row: dict[str, Any]) -> dict[str, str]:
    turns = row["conversations"]
    if [turn["from"] for turn in turns] != ["human", "gpt"]:
        raise RecipeError(
            f"A conversation is of {json.dumps([turn['from'] for turn in turns])}. "
            "An example has one turn of human and one of gpt."
        )
    return {"prompt": turns[0]["value"], "completion": turns[1]["value"]}


def tokenise(pairs: Dataset, tokenizer: Any, max_length: int) -> Examples:
    """Tokenise prompt and answer apart; leave out what does not fit in ``max_length`` tokens.

    Raises:
        RecipeError: if nothing is left.
    """

    def encode(row: dict[str, str]) -> dict[str, list[int]]:
        prompt = prompt_ids(tokenizer, row["prompt"])
        answer = completion_ids(tokenizer, row["completion"])
        return {
            "input_ids": prompt + answer,
            "completion_mask": [0] * len(prompt) + [1] * len(answer),
        }

    encoded = pairs.map(encode, remove_columns=pairs.column_names)
    fitting = encoded.filter(lambda row: len(row["input_ids"]) <= max_length)
    if not len(fitting):
        raise RecipeError(
            f"None of the {len(pairs):,} examples fits in max_length={max_length} tokens. "
            "Give a longer one, or other data."
        )
    return Examples(fitting, len(encoded) - len(fitting))
