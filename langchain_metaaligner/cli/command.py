"""How a command is made: options in groups, help that shows them, and examples.

A command is a function. A parameter of it that is a dataclass stands for a group of options, one a
field; commands that share a group share the class. Every command has ``--quiet`` and ``--verbose``.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from itertools import pairwise
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import OptionInfo

from langchain_metaaligner.cli.terminal import set_verbosity
from langchain_metaaligner.errors import nearest
from langchain_metaaligner.objectives import ALIASES, KNOWN, known_objective

_PLAIN, _GENERAL = "Options", "General"

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print results and errors, and nothing else.",
        rich_help_panel=_GENERAL,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print what is done, and where an error arose.",
        rich_help_panel=_GENERAL,
    ),
]

_OBJECTIVE = ("--objective", "-O")


def add(
    app: typer.Typer,
    function: Callable[..., None],
    *,
    name: str | None = None,
    group: str = "",
    examples: Sequence[str] = (),
) -> None:
    """Add a function to an app as a command.

    Args:
        app: the app.
        function: what the command does. Its docstring is the help.
        name: of the command; by itself the function's.
        group: heading under which the app's help lists it.
        examples: command lines for its help.
    """
    app.command(
        name or function.__name__.replace("_", "-"),
        cls=Command,
        rich_help_panel=group or None,
        epilog="\n".join(examples) or None,
    )(as_command(function))


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """A function whose groups of options are parameters, as typer reads them."""
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, own in inspect.signature(function).parameters.items():
        if is_dataclass(hints[name]):
            parameters += _parameters_of(hints[name])
        else:
            parameters.append(own.replace(annotation=hints[name]))
    for name, hint in (("quiet", Quiet), ("verbose", Verbose)):
        parameters.append(_parameter(name, hint, default=False))

    def command(quiet: bool, verbose: bool, **values: Any) -> None:
        set_verbosity(quiet=quiet, verbose=verbose)
        groups = {name: _group(hint, values) for name, hint in hints.items() if is_dataclass(hint)}
        function(**groups, **values)

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    )
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _parameters_of(group: Any) -> Iterator[inspect.Parameter]:
    """The fields of a dataclass, and of those in it; its ``heading`` is theirs in the help."""
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _parameters_of(hint)
            continue
        kind, option = get_args(hint)
        if isinstance(option, OptionInfo) and option.rich_help_panel is None:
            option = copy.copy(option)
            option.rich_help_panel = getattr(group, "heading", None)
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield _parameter(field.name, Annotated[kind, option], default)


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=hint)


def _group(group: Any, values: dict[str, Any]) -> Any:
    """An instance of a dataclass out of the values of its fields, which are taken from there."""
    hints = get_type_hints(group, include_extras=True)
    return group(
        **{
            field.name: _group(hints[field.name], values)
            if is_dataclass(hints[field.name])
            else values.pop(field.name)
            for field in fields(group)
        }
    )


class Command(TyperCommand):
    """A command whose help has its options in groups, and its examples as they were written."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; ``-o`` may still name an objective, as it once did."""
        return super().parse_args(ctx, _objectives_by_old_name(self.params, args))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands behind the command's name in its usage."""
        arguments = (p for p in self.get_params(ctx) if p.param_type_name == "argument")
        return ["[OPTIONS]", *(_argument(argument) for argument in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, the command's own options, then each group under its heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], _PLAIN: []}
        parameters: list[Any] = self.get_params(ctx)
        for parameter in parameters:
            record = parameter.get_help_record(ctx)
            if record is not None:
                if parameter.param_type_name == "argument":
                    record = (_argument(parameter), parameter.help)
                sections.setdefault(_heading(parameter), []).append(record)
        sections[_GENERAL] = sections.pop(_GENERAL)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, a line each, never broken."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"  {line}\n")


def _argument(parameter: Any) -> str:
    """What an argument is called: in brackets where it may be left out."""
    name: str = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _heading(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    if parameter.name == "help":
        return _GENERAL
    return getattr(parameter, "rich_help_panel", None) or _PLAIN


class CommandGroup(TyperGroup):
    """Commands under headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each heading with its commands and the first sentence of each help."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = command.rich_help_panel or "Commands"
                sentence = (command.help or "").partition("\n\n")[0].replace("\n", " ")
                sections.setdefault(heading, []).append((name, sentence))
        for heading, commands in sections.items():
            with formatter.section(heading):
                formatter.write_dl(commands)


def _objectives_by_old_name(parameters: Sequence[Any], args: list[str]) -> list[str]:
    """``-o NAME`` as ``-O NAME``, where the value is an objective and no output.

    Before ``-o`` was the output of every command it was an objective. It is one still if it cannot
    be the output: because the output is named beside it, or because no objective is.
    """
    if not any(_OBJECTIVE[1] in parameter.opts for parameter in parameters):
        return args
    has_output = any(arg == "--output" or arg.startswith("--output=") for arg in args)
    has_objective = any(arg.startswith(_OBJECTIVE) for arg in args)
    if has_objective and not has_output:
        return args
    read = list(args)
    for at, (option, value) in enumerate(pairwise(args)):
        if option == "-o" and _names_an_objective(value):
            sys.stderr.write(f"-o is the output: write -O {value} for an objective.\n")
            read[at] = _OBJECTIVE[1]
    return read


def _names_an_objective(value: str) -> bool:
    if known_objective(value) is not None or ": " in value:
        return True
    return not set("./\\") & set(value) and bool(nearest(value, (*KNOWN, *ALIASES)))
