"""The miniatures of the recipes can be run by anybody: a script makes what they are trained on."""

import subprocess
import sys
from pathlib import Path

import pytest

from langchain_metaaligner.training import load_recipe

FOLDER = Path(__file__).parents[2] / "recipes" / "miniature"
RECIPES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone")
    command = [sys.executable, FOLDER / "make.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def paths(value):
    """All texts in a recipe that name something which is made."""
    if isinstance(value, dict):
        for each in value.values():
            yield from paths(each)
    elif isinstance(value, str) and value.startswith("build"):
        yield value


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_a_recipe_names_is_made(made, path):
    named = list(paths(load_recipe(path).model_dump(mode="json")))
    assert any("tiny-data" in name for name in named)
    assert [name for name in named if not (made / name).exists()] == []


@pytest.mark.slow
def test_a_miniature_is_trained_as_the_page_says(made):
    command = [sys.executable, "-m", "langchain_metaaligner", "train", FOLDER / "full.yaml"]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "runs/miniature/final"
    assert (made / "runs" / "miniature" / "final" / "metaaligner.json").exists()
