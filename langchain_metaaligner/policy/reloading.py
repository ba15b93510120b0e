"""The policies of a file as aligners, made anew when the file has changed."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.aligner import Aligner
from langchain_metaaligner.errors import (
    CheckpointError,
    MetaAlignerError,
    ObjectiveError,
    PolicyError,
    TemplateError,
)
from langchain_metaaligner.policy.document import PolicyDocument, read_policy
from langchain_metaaligner.policy.rules import policy_for
from langchain_metaaligner.policy.yaml_lines import Lines

_log = logging.getLogger("langchain_metaaligner")


class MakesAligner(Protocol):
    """What makes an aligner of options: `MetaAlignerRunnable`."""

    def __call__(self, **options: Any) -> Aligner:
        """The aligner."""


@dataclass(frozen=True)
class Policies:
    """The policies of a file, ready for use.

    Attributes:
        document: what stands in the file.
        aligners: an aligner for each policy.
    """

    document: PolicyDocument
    aligners: Mapping[str, Aligner]

    @staticmethod
    def read(path: Path, make: MakesAligner) -> Policies:
        """Read a file and make the aligners.

        Raises:
            PolicyError: if the file cannot be read, or a policy cannot be carried out.
        """
        document, lines = read_policy(path)
        aligners = {name: _made(document, name, make, lines) for name in document.policies}
        return Policies(document, aligners)

    def choose(
        self, config: RunnableConfig, language: Callable[[], str | None]
    ) -> tuple[str, Aligner]:
        """The policy of a request, by its name, and its aligner."""
        name = policy_for(self.document, config, language)
        return name, self.aligners[name]


class PolicyWatch:
    """A policy file that is read again when it has changed.

    A file that has become wrong changes nothing: the policies before stay, and the log says why.

    Args:
        path: the file.
        make: makes an aligner of options.

    Raises:
        PolicyError: if the file cannot be used at the beginning.
    """

    def __init__(self, path: Path, make: MakesAligner) -> None:
        self.path = path
        self.make = make
        self._lock = threading.Lock()
        self._version = _version(path)
        self._policies = Policies.read(path, make)

    def now(self) -> Policies:
        """The policies as the file has them now; while another thread reads it, those before."""
        version = _version(self.path)
        if version != self._version and self._lock.acquire(blocking=False):
            try:
                self._version = version  # also of a wrong file: it is told of once
                self._policies = Policies.read(self.path, self.make)
                _log.info("The policies of %s have been read again.", self.path)
            except MetaAlignerError as error:
                _log.error("The policies before stay in force: %s", error)
            finally:
                self._lock.release()
        return self._policies


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever a file does; None while there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _made(document: PolicyDocument, name: str, make: MakesAligner, lines: Lines) -> Aligner:
    try:
        return make(**document.options(name))
    except MetaAlignerError as error:
        at_fault = _option_at_fault(error, lines.value["policies"][name] or ())
        raise lines.error(("policies", name, at_fault), f"{name}: {error}") from error


def _option_at_fault(error: MetaAlignerError, options: Iterable[str]) -> str:
    """The option that an error is about, as far as it says so."""
    kinds = {ObjectiveError: "objectives", TemplateError: "template", CheckpointError: "model"}
    if not isinstance(error, PolicyError) and type(error) in kinds:
        return kinds[type(error)]
    named = re.findall(r"\w+", str(error))
    return next((word for word in named if word in set(options)), "")
