"""Options that several commands share, and the one reader of ``NAME=VALUE``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn

import typer

from langchain_metaaligner.errors import SettingError

Model = Annotated[
    str, typer.Option("--model", "-m", help="A Hub id, a folder, or mini, the bundled one.")
]
Template = Annotated[
    str,
    typer.Option("--template", "-t", help="HH-RLHF, UltraFeedback, IMHI, or auto."),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cuda, mps or cpu; by itself the best there is.")
]

_TEXT = re.compile(r"(^|_)(key|token|secret|password|id|organization|project|user|version)$")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_WORDS = {"true": True, "false": False, "null": None, "~": None}


def pairs(option: str, texts: Iterable[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` options as a dictionary of texts.

    Raises:
        SettingError: if one has another form, or a name stands twice.

    >>> pairs("--reward", ["harmless=a/model#x=1"])
    {'harmless': 'a/model#x=1'}
    """
    values: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value) or name in values:
            twice = name in values and equals
            raise SettingError(
                f"{option} {_name(text)}: "
                + (f"{name} stands twice." if twice else "that is no NAME=VALUE.")
                + " Write for example harmless=runs/rewards/harmless, and each name once."
            )
        values[name] = value
    return values


def numbers(option: str, texts: Iterable[str] | None) -> dict[str, float]:
    """``NAME=NUMBER`` options.

    Raises:
        SettingError: as `pairs`, or if a value is no number.
    """
    values = {}
    for name, text in pairs(option, texts).items():
        value = scalar(text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(f"{option} {name}={text}: {text!r} is no number. Write {name}=1.")
        values[name] = float(value)
    return values


def key_values(option: str, texts: Iterable[str] | None) -> dict[str, Any]:
    """``KEY=VALUE`` options as keyword arguments, values being read as in a recipe.

    Numbers, ``true``, ``false``, ``null`` and JSON are what they say, all else is text. What names
    a key, a token or an id stays text, also where it is all digits.

    Raises:
        SettingError: as `pairs`.

    >>> key_values("--judge-option", ["api_key=123456", "temperature=-1", "top_k=1e3", "seed=7"])
    {'api_key': '123456', 'temperature': -1, 'top_k': 1000.0, 'seed': 7}
    """
    return {
        name: text if _TEXT.search(name.lower()) else scalar(text)
        for name, text in pairs(option, texts).items()
    }


def scalar(text: str) -> Any:
    """A value as YAML 1.2 reads it: a number, a truth value, null, JSON, or text.

    >>> scalar("-1"), scalar("1e3"), scalar(".5"), scalar("true"), scalar('["a"]'), scalar("007")
    (-1, 1000.0, 0.5, True, ['a'], '007')
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        digits = text.lstrip("+-")
        if not digits.isdigit():
            return float(text)
        return text if len(digits) > 1 and digits.startswith("0") else int(text)
    if text[:1] in '["{':
        try:
            return json.loads(text, parse_constant=_no_number)
        except ValueError:
            return text
    return text


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _name(text: str) -> str:
    """What may be shown of an option: its value may be a secret."""
    name, equals, value = text.partition("=")
    return f"{name}=…" if equals and value else text
