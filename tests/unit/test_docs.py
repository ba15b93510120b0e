"""The documents say what the code says."""

import subprocess
import sys
from pathlib import Path

import langchain_metaaligner

ROOT = Path(langchain_metaaligner.__file__).parents[1]


def project_version():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("version = "))
    return line.split('"')[1]


def test_generated_sections_are_fresh():
    command = [sys.executable, ROOT / "docs" / "tables.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_in_the_changelog():
    assert f"\n## [{project_version()}] - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_in_the_citation():
    assert f"\nversion: {project_version()}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f" {page.name}\n" in navigation
