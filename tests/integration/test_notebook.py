"""The quickstart notebook runs from top to bottom, offline, and lies here without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import langchain_metaaligner

NOTEBOOK = Path(langchain_metaaligner.__file__).parents[1] / "notebooks" / "quickstart.ipynb"

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*"),
]


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_runs(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("text/html" in output.get("data", {}) for output in shown)
