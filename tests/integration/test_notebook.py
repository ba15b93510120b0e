"""The notebooks run from top to bottom, offline, and show what is stored of them."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

import langchain_metaaligner

DOCS = Path(langchain_metaaligner.__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))
from notebook_outputs import executed  # noqa: E402 - where the docs' scripts lie

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*"),
]


def shown(notebook):
    """The texts that the cells show, but for cells whose figures another processor may round."""
    texts = []
    for cell in notebook.cells:
        if "varies" in cell.metadata.get("tags", ()):
            continue
        parts = []
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            parts.append(re.sub(r"at 0x[0-9a-f]+|seconds=[\d.]+", "", text))
        texts.append("".join(parts))
    return texts


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_shows_what_is_stored(path):
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert shown(executed(path)) == shown(stored), "run python docs/notebook_outputs.py"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_with_a_picture_and_without_an_error(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "run python docs/notebook_outputs.py"
    outputs = [output for cell in code for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert [one for one in outputs if "image/png" in one.get("data", {})]


def test_all_are_there():
    assert {path.stem for path in NOTEBOOKS} >= {
        *("quickstart", "agent", "rag", "objectives", "training", "evaluation", "imhi")
    }
