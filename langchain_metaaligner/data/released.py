"""The released training data, such as HH-RLHF-MetaAligner-Data: ready conversations.

A record is ``{"id": …, "conversations": [{"from": "human", "value": prompt}, {"from": "gpt",
"value": target}]}``, in one JSON array (as the research's builders write it) or one a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from langchain_metaaligner.objectives import known_objective
from langchain_metaaligner.tables.jsonl import json_array, json_lines
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.text import is_unicode
from langchain_metaaligner.templates import TEMPLATES, EditTemplate, Mode


class Conversation(NamedTuple):
    """An edit prompt and the answer that it should get."""

    prompt: str
    completion: str


class PromptParts(NamedTuple):
    """What an edit prompt says about itself."""

    template: str
    mode: Mode
    objectives: tuple[str, ...]


def read_conversations(path: Path, problems: Problems) -> Iterator[Conversation]:
    """Read ready conversations one by one.

    What is not a conversation of a human and a model is a problem, and so is an empty target; their
    "line" is the number of the item in a JSON array.
    """
    return (conversation for _, conversation in numbered_conversations(path, problems))


def numbered_conversations(path: Path, problems: Problems) -> Iterator[tuple[int, Conversation]]:
    """The same, each with its line or the number of its item."""
    lines = path.name.endswith((".jsonl", ".jsonl.gz"))
    numbered = json_lines(path, problems) if lines else enumerate(json_array(path), 1)
    for number, record in numbered:
        turns = record.get("conversations") if isinstance(record, dict) else None
        if not _is_exchange(turns):
            problems.found("missing field", path.name, number, "conversations of human and gpt")
            continue
        prompt, target = (turn["value"] for turn in turns)  # type: ignore[union-attr]
        if not target.strip():
            problems.found("empty answer", path.name, number, "the turn of gpt")
        elif not is_unicode(prompt, target):
            problems.found("broken line", path.name, number, "a lone surrogate, no Unicode")
        else:
            yield number, Conversation(prompt, target)


def _is_exchange(turns: Any) -> bool:
    return (
        isinstance(turns, list)
        and len(turns) == 2
        and all(isinstance(turn, dict) and isinstance(turn.get("value"), str) for turn in turns)
        and [turn.get("from") for turn in turns] == ["human", "gpt"]
    )


def read_prompt(prompt: str) -> PromptParts | None:
    """Template, form and objectives of an edit prompt; None if no template made it.

    Known objectives have their names, others the text that stands in the prompt. The objectives
    are empty where the research's builders left them so.

    >>> template = EditTemplate.named("HH-RLHF")
    >>> read_prompt(template.format("Hi", "Go away.", ["humor", "harmless"], "equal"))
    PromptParts(template='HH-RLHF', mode='equal', objectives=('humor', 'harmless'))
    """
    modes: tuple[Mode, ...] = ("better", "equal")
    for template in TEMPLATES.values():
        for mode in modes:
            opening, _, rest = getattr(template, mode).partition("{aspects}")
            closing = rest.partition("{question}")[0]
            if prompt.startswith(opening) and closing in prompt:
                aspects = prompt.removeprefix(opening).partition(closing)[0]
                return PromptParts(template.name, mode, _names(template, aspects))
    return None


def _names(template: EditTemplate, aspects: str) -> tuple[str, ...]:
    names = []
    for text in filter(None, aspects.split("; ")):
        known = known_objective(text.partition(":")[0])
        same = known is not None and template.objective_text(known) == text
        names.append(known.name if known is not None and same else text)
    return tuple(names)
