"""The released training data, such as HH-RLHF-MetaAligner-Data: ready conversations.

A record is ``{"id": …, "conversations": [{"from": "human", "value": prompt}, {"from": "gpt",
"value": target}]}``, in one JSON array (as the research's builders write it) or one a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from langchain_metaaligner.data.lines import json_array, json_lines
from langchain_metaaligner.data.problems import Problems


class Conversation(NamedTuple):
    """An edit prompt and the answer that it should get."""

    prompt: str
    completion: str


def read_conversations(path: Path, problems: Problems) -> Iterator[Conversation]:
    """Read ready conversations one by one.

    What is not a conversation of a human and a model is a problem; its "line" is the number of the
    item in a JSON array.
    """
    lines = path.name.endswith((".jsonl", ".jsonl.gz"))
    numbered = json_lines(path, problems) if lines else enumerate(json_array(path), 1)
    for number, record in numbered:
        turns = record.get("conversations") if isinstance(record, dict) else None
        if not _is_exchange(turns):
            problems.found("missing field", path.name, number, "conversations of human and gpt")
        elif not turns[1]["value"].strip():  # type: ignore[index]
            problems.found("empty answer", path.name, number, "the turn of gpt")
        else:
            yield Conversation(turns[0]["value"], turns[1]["value"])  # type: ignore[index]


def _is_exchange(turns: Any) -> bool:
    return (
        isinstance(turns, list)
        and len(turns) == 2
        and all(isinstance(turn, dict) and isinstance(turn.get("value"), str) for turn in turns)
        and [turn.get("from") for turn in turns] == ["human", "gpt"]
    )
