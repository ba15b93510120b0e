"""Runs the notebooks and stores what they show: ``python docs/notebook_outputs.py [NAME ...]``.

The site and GitHub show notebooks as they are stored, and `tests/integration/test_notebook.py` says
which of them show something else by now.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).with_name("notebooks")
SECONDS = 300  # that one cell may take, on a busy machine


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a fresh run, without anything that differs by chance."""
    notebook = nbformat.read(path, as_version=4)
    settings = {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": "ignore:IProgress not found",  # of tqdm, where ipywidgets is absent
    }
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute(env={**os.environ, **settings, "IPYTHONDIR": folder})
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def main(names: list[str]) -> None:
    """Run the named notebooks, by default all, and store them."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not names or path.stem in names:
            nbformat.write(executed(path), path)


if __name__ == "__main__":
    main(sys.argv[1:])
