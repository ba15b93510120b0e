"""What a command says beside its result: on standard error, and as much of it as was asked for."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from langchain_metaaligner.cli.stopping import stopped_with

_WIDE = 160  # of what is no terminal, and wraps nothing


class _Verbosity:
    quiet = False
    verbose = False


def set_verbosity(quiet: bool = False, verbose: bool = False) -> None:
    """How much the command that now begins says; with ``verbose`` also what the package logs."""
    _Verbosity.quiet, _Verbosity.verbose = quiet and not verbose, verbose
    log = logging.getLogger("langchain_metaaligner")
    log.handlers = [h for h in log.handlers if not isinstance(h, RichHandler)]
    log.setLevel(logging.DEBUG if verbose else logging.NOTSET)
    if verbose:
        log.addHandler(RichHandler(console=console(), show_path=False))


def is_quiet() -> bool:
    """Whether only results and errors are wanted."""
    return _Verbosity.quiet


def is_verbose() -> bool:
    """Whether every step is wanted, and the traceback of an error."""
    return _Verbosity.verbose


def console() -> Console:
    """Where people read: standard error, wide where it is no terminal that wraps."""
    shown = Console(stderr=True, quiet=is_quiet())
    return shown if shown.is_terminal else Console(stderr=True, quiet=is_quiet(), width=_WIDE)


def say(sentence: str) -> None:
    """A sentence on standard error, unless only results are wanted."""
    if not is_quiet():
        sys.stderr.write(f"{sentence}\n")


def detail(sentence: str) -> None:
    """A sentence on standard error where every step is wanted."""
    if is_verbose():
        sys.stderr.write(f"{sentence}\n")


def print_json(value: Any) -> None:
    """A value on standard output, as JSON for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


class Advance(Protocol):
    """Is told of rows that are done."""

    def __call__(self, rows: int, /) -> None:
        """Count them."""


@contextmanager
def counted_rows(label: str, total: int | None, again: str = "") -> Iterator[Advance]:
    """A bar of rows; Ctrl-C ends it in a sentence on what was done.

    Args:
        label: what is done.
        total: how many rows there are; None where that is known only at the end.
        again: how to go on after Ctrl-C.

    Yields:
        What is called with the number of rows done since the last call.
    """
    done = 0
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(), expand=True) as bar:
        task = bar.add_task(label, total=total)

        def advance(rows: int, /) -> None:
            nonlocal done
            done += rows
            bar.advance(task, rows)

        with stopped_with(lambda: f"{done:,} rows were done.{again and ' '}{again}"):
            yield advance
        if total is None:
            bar.update(task, total=done)


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """The rate of late; nothing before there is one."""
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")
