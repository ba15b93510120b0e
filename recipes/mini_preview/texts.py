"""Reading question and answer pairs from a folder of CSV and JSON-lines files.

Understood: CSV files with a ``query`` column and answers in ``goldens``, ``generated_text`` or
``gpt-3.5-turbo`` (backslash-escaped, as the MetaAligner and MentaLLaMA repositories write them),
and ``*.jsonl.gz`` files of HH-RLHF preference pairs.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

_ANSWERS = ("goldens", "generated_text", "gpt-3.5-turbo")
_TURN = "\n\nAssistant:"


class Pair(NamedTuple):
    """A question with one real answer to it; ``dialogue`` says it is in Human/Assistant form."""

    question: str
    answer: str
    dialogue: bool


def held_out(question: str, percent: int = 10) -> bool:
    """Say whether a question belongs to the held-out texts (by a hash of its text)."""
    return zlib.crc32(question.strip().encode()) % 100 < percent


def _from_csv(path: Path) -> list[Pair]:
    table = pd.read_csv(path, escapechar="\\", dtype=str, keep_default_na=False)
    if "query" not in table.columns:  # without its question an answer cannot be split off safely
        return []
    return [
        Pair(query, answer, _TURN in query)
        for column in _ANSWERS
        if column in table.columns
        for query, answer in zip(table["query"], table[column], strict=True)
    ]


def _from_jsonl(path: Path) -> list[Pair]:
    pairs = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            question, turn, answer = json.loads(line)["chosen"].rpartition(_TURN)
            pairs.append(Pair(question + turn, answer.removeprefix(" "), True))
    return pairs


def read_pairs(folder: Path) -> tuple[list[Pair], list[Pair]]:
    """Read all pairs under ``folder``; return the training and the held-out ones."""
    pairs: list[Pair] = []
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(".jsonl.gz"):
            pairs += _from_jsonl(path)
        elif path.suffix == ".csv":
            pairs += _from_csv(path)
    pairs = sorted({pair for pair in pairs if len(pair.answer.split()) >= 4})
    if not pairs:
        raise SystemExit(f"no question and answer pairs were found under {folder}")
    train = [pair for pair in pairs if not held_out(pair.question)]
    return train, [pair for pair in pairs if held_out(pair.question)]


_BREAK = re.compile(r"(?<=[.!?])(?<!\d\.)[ ]+(?=[\"'(\[A-Z0-9*#-])|\n+[ ]*")


def sentences(text: str) -> list[tuple[str, str]]:
    """Split a text into (sentence, separator after it); joined again they give the text."""
    parts, start = [], 0
    for match in _BREAK.finditer(text):
        parts.append((text[start : match.start()], match.group()))
        start = match.end()
    parts.append((text[start:], ""))
    return parts
