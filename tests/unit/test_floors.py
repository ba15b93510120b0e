"""Imports run downwards: what each room may import stands in ``docs/floors.yaml``."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml

import langchain_metaaligner

PACKAGE = Path(langchain_metaaligner.__file__).parent
FLOORS = {
    floor["room"]: floor
    for floor in yaml.safe_load((PACKAGE.parent / "docs" / "floors.yaml").read_text())
}
DOORS = {"__init__", "__main__", "moved"}  # they name every room, and hold none


def imports(code: str) -> set[str]:
    """Dotted names of all modules that a module imports, also inside functions.

    What is imported for type checking alone is left out.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "langchain_metaaligner":
            names |= {f"langchain_metaaligner.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def base_packages() -> set[str]:
    """Import names of what the package needs without extras."""
    needed = {
        re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
        for line in requires("langchain-metaaligner") or []
        if "extra ==" not in line
    }
    # langsmith comes with langchain-core, numpy and the Hub's client with transformers, psutil with
    # accelerate, packaging with all of them
    names = {"langsmith", "pydantic_core", "huggingface_hub", "tokenizers", "typing_extensions"}
    names |= {"packaging", "psutil"}
    for name, distributions in packages_distributions().items():
        if {one.lower().replace("_", "-") for one in distributions} & needed:
            names.add(name)
    return names


def trespasses(room: str, code: str) -> list[str]:
    """What a module of a room imports and may not."""
    floor = FLOORS[room]
    wrong = []
    for name in sorted(imports(code)):
        top, _, rest = name.partition(".")
        if top == "langchain_metaaligner":
            target = rest.partition(".")[0]
            if target in FLOORS and target not in (room, *floor["imports"]):
                wrong.append(f"{room} may not import {target} ({name})")
        elif top not in sys.stdlib_module_names and top not in BASE | set(
            floor.get("packages", {})
        ):
            wrong.append(f"{room} may not import the package {top}")
    return wrong


BASE = base_packages()
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).with_suffix("").parts[0] not in DOORS
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert room in FLOORS, f"{room} has no row in docs/floors.yaml"
    assert trespasses(room, path.read_text()) == []


def test_there_is_no_circle():
    order = list(
        TopologicalSorter({room: floor["imports"] for room, floor in FLOORS.items()}).static_order()
    )
    assert set(order) == set(FLOORS)


def test_a_forbidden_import_is_found():
    assert trespasses("files", "from langchain_metaaligner.data import build") == [
        "files may not import data (langchain_metaaligner.data)"
    ]
    assert trespasses("edit", "def later():\n    import pandas") == [
        "edit may not import the package pandas"
    ]
    assert trespasses("decode", "from langchain_metaaligner.errors import SettingError") == []


def test_extras_are_those_of_the_package():
    text = "\n".join(requires("langchain-metaaligner") or [])
    for floor in FLOORS.values():
        for extra in floor.get("packages", {}).values():
            assert f'extra == "{extra}"' in text.replace("'", '"')
