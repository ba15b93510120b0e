"""YAML with the lines on which its values stand."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from langchain_metaaligner.errors import PolicyError

Place = tuple[str | int, ...]
"""The keys and positions that lead to a value."""


@dataclass(frozen=True)
class Lines:
    """A YAML file with its values.

    Attributes:
        path: the file.
        value: what it holds.
        at: the line of each value; of a value in a mapping, that of its key.
    """

    path: Path
    value: Any
    at: Mapping[Place, int]

    def error(self, place: Place, message: str) -> PolicyError:
        """An error that names the line of a value, or of what is around it."""
        while place and place not in self.at:
            place = place[:-1]
        return PolicyError(f"{self.path}, line {self.at.get(place, 1)}: {message}")


def read_lines(path: Path) -> Lines:
    """Read a YAML file.

    ``!python package.module:name`` stands for an object of Python code, such as a check.

    Raises:
        PolicyError: if it cannot be read, is no YAML, has a key twice, or names an object that
            does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path} cannot be read: {error}.") from error
    loader = _Loader(text)
    at: dict[Place, int] = {}
    try:
        node = loader.get_single_node()
        if node is None:
            raise PolicyError(f"{path} is empty. See docs/policy.md for what stands in it.")
        _walk(node, (), at, path)
        value = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise PolicyError(f"{path}{line}: {problem}.") from error
    finally:
        loader.dispose()
    return Lines(path, value, at)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader, with ``!python``."""


def _walk(node: yaml.Node, place: Place, at: dict[Place, int], path: Path) -> None:
    """Note the lines of all values below a node."""
    at.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*place, number), at, path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name == "<<":  # another mapping's keys, which have lines of their own
            continue
        if name in seen:
            raise PolicyError(f"{path}, line {line}: the key {name!r} stands twice.")
        seen.add(name)
        below = (*place, name)
        at[below] = line
        _walk(value, below, at, path)


def _python(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    named = str(node.value)
    module, colon, name = named.partition(":")
    if not colon or not name or not module:
        problem = f"!python {named} is no package.module:name"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    try:
        value: Any = importlib.import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        problem = f"!python {named} cannot be found: {error}"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
    return value


_Loader.add_constructor("!python", _python)
