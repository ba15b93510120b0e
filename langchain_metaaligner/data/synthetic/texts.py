"""Question and answer pairs from the files of public data sets.

Understood are CSV files with a ``query`` column and answers in ``goldens``, ``generated_text`` or
``gpt-3.5-turbo`` (backslash-escaped, as the MetaAligner and MentaLLaMA repositories write them),
``*.jsonl`` and ``*.jsonl.gz`` files of HH-RLHF preference pairs (``chosen``), and UltraFeedback
records (``instruction`` and ``completions``).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from langchain_metaaligner.errors import SettingError

_ANSWERS = ("goldens", "generated_text", "gpt-3.5-turbo")
_TURN = "\n\nAssistant:"


class Text(NamedTuple):
    """A question, or a dialogue in Human and Assistant form, and one answer to it."""

    question: str
    answer: str


def is_held_out(question: str) -> bool:
    """Say whether a question is kept for measuring: one in ten, by a hash of its text."""
    return zlib.crc32(question.strip().encode()) % 100 < 10


def _from_csv(path: Path) -> Iterator[Text]:
    table = pd.read_csv(path, escapechar="\\", dtype=str, keep_default_na=False)
    if "query" not in table.columns:  # without its question an answer cannot be split off safely
        return
    for column in _ANSWERS:
        if column in table.columns:
            yield from map(Text, table["query"], table[column])


def _from_record(record: dict[str, Any]) -> Iterator[Text]:
    if "chosen" in record:
        question, turn, answer = record["chosen"].rpartition(_TURN)
        yield Text(question + turn, answer.removeprefix(" "))
    for completion in record.get("completions", ()):
        yield Text(record["instruction"], completion["response"])


def _from_json_lines(path: Path) -> Iterator[Text]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield from _from_record(json.loads(line))


def read_texts(folder: Path) -> tuple[list[Text], list[Text]]:
    """Read all pairs under a folder; return those for training and those held out.

    Raises:
        SettingError: if the folder holds no file with such pairs.
    """
    found: set[Text] = set()
    for path in sorted(folder.rglob("*")):
        if path.name.endswith((".jsonl.gz", ".jsonl")):
            found.update(_from_json_lines(path))
        elif path.suffix == ".csv":
            found.update(_from_csv(path))
    texts = sorted(text for text in found if len(text.answer.split()) >= 4)
    if not texts:
        raise SettingError(
            f"No question and answer pairs were found under {folder}. Give a folder with CSV files "
            "(columns query and goldens, or generated_text) or JSON lines of HH-RLHF or "
            "UltraFeedback."
        )
    train = [text for text in texts if not is_held_out(text.question)]
    return train, [text for text in texts if is_held_out(text.question)]
