"""Paths to the texts of a structured answer: ``advice``, ``steps[].text``."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import AliasChoices, BaseModel

from langchain_metaaligner.errors import SettingError, nearest

Place = tuple[str | int, ...]
"""The keys, fields and positions that lead to a text."""

ITEMS = "[]"
"""In a parsed path: each item of a list."""

_PATH = re.compile(r"[^\W\d][\w-]*(?:\[\])*(?:\.[^\W\d][\w-]*(?:\[\])*)*")


class NoFieldError(LookupError):
    """A structured answer has not what a path names."""


def parse_path(path: Any) -> tuple[str, ...]:
    """The steps of a path.

    Raises:
        SettingError: if it is none.

    >>> parse_path("steps[].text")
    ('steps', '[]', 'text')
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise SettingError(
            f"fields: {path!r} is no path to a text. Write the names of fields or keys with dots "
            'between them, and [] for each item of a list: fields=["advice", "steps[].text"].'
        )
    return tuple(re.findall(r"\[\]|[^.\[\]]+", path))


def texts_at(value: Any, steps: Sequence[str], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """The texts to which a path leads, with their places; blank ones and None are left out.

    Raises:
        NoFieldError: if a name is not there, or what is there is of another kind.
    """
    if value is None:
        return
    if not steps:
        if not isinstance(value, str):
            raise NoFieldError(f"{shown(place)} is a {type(value).__name__} and no text.")
        if value.strip():
            yield place, value
    elif steps[0] == ITEMS:
        if not isinstance(value, list | tuple):
            raise NoFieldError(f"{shown(place)} is a {type(value).__name__} and no list.")
        for at, item in enumerate(value):
            yield from texts_at(item, steps[1:], (*place, at))
    else:
        names = names_in(value)
        if steps[0] not in names:
            where = f"{shown(place)} has" if place else "The answer has"
            known = ", ".join(names) or "none"
            raise NoFieldError(
                f"{where} no {steps[0]!r}.{nearest(steps[0], names)} It has: {known}."
            )
        yield from texts_at(_child(value, steps[0]), steps[1:], (*place, steps[0]))


def names_in(value: Any) -> list[str]:
    """The names of a dict's keys, or of an object's fields."""
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    if isinstance(value, BaseModel):
        return [*type(value).model_fields, *(value.model_extra or {})]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [one.name for one in dataclasses.fields(value)]
    return []


def shown(place: Place) -> str:
    """A place as a reader would write it.

    >>> shown(("steps", 1, "text"))
    'steps[1].text'
    """
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(parts).removeprefix(".")


def with_texts(value: Any, texts: Mapping[Place, str]) -> Any:
    """A copy of a value with other texts at some places, validated again; all else as it was.

    Raises:
        ValueError: pydantic's error, if the value is no valid one any more.
    """
    if () in texts:
        return texts[()]
    changes: dict[Any, Any] = {}
    for head in dict.fromkeys(place[0] for place in texts):
        below = {place[1:]: text for place, text in texts.items() if place[0] == head}
        changes[head] = with_texts(_child(value, head), below)
    if isinstance(value, BaseModel):
        return _validated(value, changes)
    if isinstance(value, tuple):
        items = [changes.get(at, item) for at, item in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    twin = copy.copy(value)
    for head, changed in changes.items():
        if isinstance(twin, Mapping | list):
            twin[head] = changed  # type: ignore[index]
        else:
            object.__setattr__(twin, head, changed)  # frozen dataclasses too
    return twin


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value[step]
    return value[int(step)] if isinstance(value, list | tuple) else getattr(value, str(step))


def _validated(model: BaseModel, changes: Mapping[str, Any]) -> BaseModel:
    """The model with changed fields, as its own validators give them; what else they do is left."""
    own = {name: getattr(model, name) for name in model.model_fields_set}
    cls = type(model)
    checked = cls.model_validate(
        {_input_name(cls, name): value for name, value in {**own, **changes}.items()}
    )
    return model.model_copy(update={name: getattr(checked, name) for name in changes})


def _input_name(cls: type[BaseModel], name: str) -> str:
    """Under which name a model takes a field."""
    field = cls.model_fields.get(name)
    alias = field.validation_alias if field else None
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else name
