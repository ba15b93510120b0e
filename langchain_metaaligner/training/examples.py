"""Training examples: prompt and answer, tokenised apart by the code that inference uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from datasets import Dataset, load_dataset, load_from_disk

from langchain_metaaligner.errors import DataError, RecipeError
from langchain_metaaligner.models.tokens import completion_ids, prompt_ids
from langchain_metaaligner.tables.csv import csv_rows
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.training.departures import WEIGHTS, departure_weights


class Examples(NamedTuple):
    """The examples that a trainer takes, and how many were too long to be among them.

    Attributes:
        rows: a data set with the columns of its method.
        too_long: examples left out.
    """

    rows: Dataset
    too_long: int


def read_rows(path: Path) -> Dataset:
    """Read a file or folder of rows as a data set, mapped from disk.

    Args:
        path: a CSV file in the research's dialect, a JSON array, JSON lines, or a folder that
            `datasets` saved.

    Raises:
        RecipeError: if there is no such file or folder, or it has several splits.
        DataError: if a row of a CSV file is broken.
    """
    try:
        if path.is_dir():
            rows = load_from_disk(str(path))
        elif path.suffix == ".csv":
            # The stamp is part of the cache's key: a file that is made anew is read anew.
            source = {"path": str(path), "stamp": path.stat().st_mtime_ns}
            rows = Dataset.from_generator(_csv_rows, gen_kwargs=source)
        else:
            rows = load_dataset("json", data_files=str(path), split="train")
    except Exception as error:  # datasets raises errors of many kinds
        cause = error.__cause__ or error
        if isinstance(cause, DataError):
            raise cause from None
        raise RecipeError(
            f"The examples in {path} cannot be read ({type(error).__name__}: {error}). Give a "
            "CSV file, a research JSON, JSON lines, or one split of a datasets folder."
        ) from error
    columns = getattr(rows, "column_names", None)
    if isinstance(columns, dict):
        raise RecipeError(f"{path} has several splits. Give one: {', '.join(columns)}.")
    return cast(Dataset, rows)


def _csv_rows(path: str, stamp: int) -> Iterator[dict[str, str]]:
    for _, row in csv_rows(Path(path), (), Problems("raise")):
        yield row


def read_pairs(path: Path) -> Dataset:
    """Read examples as a data set of ``prompt`` and ``completion``, mapped from disk.

    Args:
        path: a research JSON (one array of ``conversations``), JSON lines of either form, or a
            folder that `datasets` saved.

    Raises:
        RecipeError: if there is no such file or folder, or it has other columns.
    """
    rows = read_rows(path)
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


def tokenise(
    pairs: Dataset, tokenizer: Any, max_length: int, departure_weight: float = 1.0
) -> Examples:
    """Tokenise prompt and answer apart; leave out what does not fit in ``max_length`` tokens.

    Args:
        pairs: rows of ``prompt`` and ``completion``.
        tokenizer: of the model.
        max_length: tokens of prompt and answer together.
        departure_weight: of a token at which the answer departs from the draft, beside any other;
            1 gives no weights.

    Returns:
        Rows of ``input_ids`` and ``completion_mask`` (1 on the answer), and ``weights`` where they
        differ.

    Raises:
        RecipeError: if nothing is left.
    """

    def encode(row: dict[str, str]) -> dict[str, list[int] | list[float]]:
        prompt = prompt_ids(tokenizer, row["prompt"])
        answer = completion_ids(tokenizer, row["completion"])
        told: dict[str, list[int] | list[float]] = {
            "input_ids": prompt + answer,
            "completion_mask": [0] * len(prompt) + [1] * len(answer),
        }
        if departure_weight != 1:
            draft = completion_ids(tokenizer, _draft_of(row["prompt"]))
            weights = departure_weights(draft, answer, departure_weight)
            told[WEIGHTS] = [0.0] * len(prompt) + weights
        return told

    encoded = pairs.map(encode, remove_columns=pairs.column_names)
    fitting = encoded.filter(lambda row: len(row["input_ids"]) <= max_length)
    if not len(fitting):
        raise RecipeError(
            f"None of the {len(pairs):,} examples fits in max_length={max_length} tokens. "
            "Give a longer one, or other data."
        )
    return Examples(fitting, len(encoded) - len(fitting))


def _draft_of(prompt: str) -> str:
    """The draft in an edit prompt; nothing where the text is no edit prompt."""
    before, end, _ = prompt.rpartition(" | Edit: ")
    return before.rpartition(" | Answer: ")[2] if end else ""


def read_prompts(path: Path) -> Dataset:
    """Read prompts, each once, as a data set of ``prompt``.

    Args:
        path: see `read_rows`; the prompts are in a column ``prompt``, ``query`` or ``queries``.

    Raises:
        RecipeError: if there is no such column, or as `read_rows`.
    """
    rows = read_rows(path)
    names = [name for name in ("prompt", "query", "queries") if name in rows.column_names]
    if not names:
        raise RecipeError(
            f"{path} has the columns {', '.join(rows.column_names)}. "
            "Prompts are in a column prompt, query or queries."
        )
    return Dataset.from_dict({"prompt": rows.unique(names[0])})


def fitting_prompts(prompts: Dataset, tokenizer: Any, most: int) -> Examples:
    """Leave out the prompts of more than ``most`` tokens.

    Raises:
        RecipeError: if nothing is left.
    """
    fitting = prompts.filter(lambda row: len(prompt_ids(tokenizer, row["prompt"])) <= most)
    if not len(fitting):
        raise RecipeError(
            f"None of the {len(prompts):,} prompts has at most max_prompt_tokens={most}. "
            "Give a larger number, or other prompts."
        )
    return Examples(fitting, len(prompts) - len(fitting))
