"""Options that several commands share, and the one reader of ``NAME=VALUE``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn

import typer

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.objectives import KNOWN

DEFAULT_MODEL = "mini"
"""The bundled aligner that commands use where none is named."""


def one_of(*values: str) -> Callable[[str], list[str]]:
    """What a shell offers to complete an option with; the command itself checks the value."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="The aligner: a Hub id, a folder, or the name of a bundled one, such as mini.",
        autocompletion=one_of("mini", "small"),
    ),
]
Template = Annotated[
    str,
    typer.Option(
        "--template",
        "-t",
        metavar="NAME",
        help="HH-RLHF, UltraFeedback, IMHI, or auto: as the aligner was trained.",
        autocompletion=one_of("auto", "HH-RLHF", "UltraFeedback", "IMHI"),
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="cuda, cuda:1, mps or cpu. By default the fastest one here.",
        autocompletion=one_of("cuda", "mps", "cpu"),
    ),
]
Objectives = Annotated[
    list[str],
    typer.Option(
        "--objective",
        "-O",
        metavar="NAME",
        help='What to improve: a name, or "Name: description". Repeatable.',
        autocompletion=one_of(*KNOWN),
    ),
]
Preserve = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WHAT",
        help="What must survive the edit: code, urls, numbers or citations. Repeatable.",
        autocompletion=one_of("code", "urls", "numbers", "citations"),
    ),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", min=1, help="Rows in one forward pass.")
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Take the first N rows of each file and leave the rest."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, say what would be done, do nothing.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a file that this command did not write.")
]
OutputFile = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
]
OutputFolder = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the result and its ledger."),
]
ResearchCompat = Annotated[
    bool,
    typer.Option("--research-compat", help="Do as the research script does, bugs included."),
]
Escaped = Annotated[
    bool,
    typer.Option("--escaped", help="CSV is in the research's dialect: backslashes are doubled."),
]
QuestionColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The column of questions. By default found by its name."),
]


@dataclass(frozen=True, kw_only=True)
class AlignerOptions:
    """Which aligner edits, and where."""

    heading: ClassVar = "Aligner"

    model: Model = DEFAULT_MODEL
    template: Template = "auto"
    device: Device = None


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
