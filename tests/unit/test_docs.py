"""The documents say what the code says."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from langchain_core.runnables import RunnableSerializable
from typer.core import TyperGroup
from typer.main import get_command

import langchain_metaaligner
from langchain_metaaligner.cli import app
from langchain_metaaligner.edit.options import AlignerSettings

ROOT = Path(langchain_metaaligner.__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
from blocks import blocks, pages  # noqa: E402 - where the docs' scripts lie

PAGES = pages()


def project_version():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("version = "))
    return line.split('"')[1]


def site_config():
    class Loader(yaml.SafeLoader):
        """Reads mkdocs.yml, which names Python functions by tags."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    return yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)


def navigation(item):
    if isinstance(item, str):
        return [item]
    children = item.values() if isinstance(item, dict) else item
    return [page for child in children for page in navigation(child)]


def test_generated_sections_are_fresh():
    command = [sys.executable, DOCS / "tables.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_in_the_changelog():
    assert f"\n## [{project_version()}] - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_in_the_citation():
    assert f"\nversion: {project_version()}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_page_is_in_the_navigation_once():
    config = site_config()
    left_out = [line.strip("/") for line in config["exclude_docs"].split() if "*" not in line]
    fragments = {*(DOCS / folder for folder in left_out), DOCS / "quality", DOCS / "speed"}
    wanted = [
        str(page.relative_to(DOCS))
        for page in DOCS.rglob("*.md")
        if not fragments & set(page.parents)
    ]
    notebooks = (DOCS / "notebooks").glob("*.ipynb")
    wanted += [str(path.relative_to(DOCS).with_suffix(".md")) for path in notebooks]
    assert sorted(navigation(config["nav"])) == sorted(wanted)


@pytest.mark.parametrize("broken", ["[gone](gone.md)", "[gone](other.md#gone)"])
def test_a_dead_link_fails_the_build(tmp_path, broken):
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    validation = {"validation": site_config()["validation"]}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump({"site_name": "test", **validation}))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# Other\n")
    page = tmp_path / "docs" / "index.md"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    returned = []
    for link in ("[there](other.md#other)", broken):
        page.write_text(f"# Start\n\n{link}\n")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        returned.append(done.returncode)
    assert returned == [0, 1], done.stderr


def test_the_docs_are_built_so_that_a_warning_fails():
    recipe = (ROOT / "Makefile").read_text().partition("\ndocs:")[2].partition("\n\n")[0]
    assert "--strict" in recipe
    assert "--quiet" not in recipe


def test_the_reference_has_every_public_name():
    text = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    listed = set(re.findall(r"\w+", text))
    for name in ("", ".data", ".data.synthetic", ".rewards", ".training", ".evaluation.judge"):
        module = import_module(f"langchain_metaaligner{name}")
        assert set(module.__all__) <= listed, (name, set(module.__all__) - listed)


def test_the_reference_has_every_option_of_the_aligner():
    """It lists no members, so that none is forgotten: all that are public are shown."""
    page = (DOCS / "reference" / "aligner.md").read_text()
    entry = yaml.safe_load(page.partition("    options:\n")[2].partition("\n\n")[0])
    assert entry["inherited_members"] is True
    assert "members" not in entry
    left_out = re.compile(entry["filters"][1].removeprefix("!"))
    options = set(AlignerSettings.model_fields) - set(RunnableSerializable.model_fields)
    assert not {option for option in options if left_out.search(option)}


def test_every_extra_is_on_the_install_page():
    project = (ROOT / "pyproject.toml").read_text()
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    internal = {"bench", "docs", "test", "lint", "dev"}
    page = (DOCS / "install.md").read_text()
    for extra in set(re.findall(r"^([a-z-]+) = ", extras, re.MULTILINE)) - internal:
        assert re.search(rf"^\| .*`{extra}`.* \|", page, re.MULTILINE), extra


def commands(group, *before):
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


COMMANDS = dict(commands(get_command(app)))


def called(text):
    """The calls of our command in a shell text, as lists of words."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words = list(lexer)
        while {"metaaligner", "langchain_metaaligner"} & set(words):
            at = next(i for i, word in enumerate(words) if word.endswith("metaaligner"))
            end = next((i for i, w in enumerate(words) if i > at and w[0] in "|&;<>"), len(words))
            yield words[at + 1 : end]
            words = words[end:]


@pytest.mark.parametrize("name", [n for n, p in PAGES.items() if blocks(p.read_text(), "bash")])
def test_commands_of_shell_blocks_have_their_options(name):
    for block in blocks(PAGES[name].read_text(), "bash"):
        for words in called(block.code):
            taken = next((n for n in (2, 1) if tuple(words[:n]) in COMMANDS), None)
            if taken is None:
                assert words[:1] in (["--help"], ["--version"]), (name, words)
                continue
            known = {option for p in COMMANDS[tuple(words[:taken])].params for option in p.opts}
            known |= {o for p in COMMANDS[tuple(words[:taken])].params for o in p.secondary_opts}
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given <= known | {"--help", "-h"}, (name, words, given - known)


LINK = re.compile(r"\]\((https?://[^)\s]+|[^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")


def test_links_of_the_readme_are_absolute_and_lead_to_pages_of_the_site():
    """PyPI shows the README without the repository around it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", readme, flags=re.DOTALL | re.MULTILINE)
    site = site_config()["site_url"]
    for match in LINK.finditer(prose):
        link = match[1] or match[2]
        if link.startswith("#"):
            continue
        assert link.startswith("https://"), link
        if link.startswith(site):
            address = link.removeprefix(site).partition("#")[0].strip("/")
            page = DOCS / (f"{address}.md" if address else "index.md")
            assert page.exists() or (DOCS / address).exists(), link


def test_the_project_names_the_site():
    assert site_config()["site_url"] in (ROOT / "pyproject.toml").read_text()
