"""The examples of the README and the docs run as they stand, offline, and print what the page says.

``docs/blocks.py`` says what the marks of blocks mean, and writes what they print.
"""

import ast
import sys
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

import langchain_metaaligner
from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

ROOT = Path(langchain_metaaligner.__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import gallery  # noqa: E402 - where the docs' scripts lie
from blocks import blocks, pages, run_console, run_python  # noqa: E402

PAGES = pages()
OPTIONS = {
    "AlignerLLM": set(AlignerLLM.model_fields),
    "MetaAlignerRunnable": set(MetaAlignerRunnable.model_fields),
    "MetaAlignerMiddleware": {*MetaAlignerRunnable.model_fields, "name"},
}

pytestmark = pytest.mark.filterwarnings("ignore:.*in beta")


@pytest.fixture
def offline():
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


def text_of(name):
    return PAGES[name].read_text(encoding="utf-8")


def with_blocks(mark):
    return [name for name in PAGES if blocks(text_of(name), mark)]


@pytest.mark.parametrize("name", with_blocks("python"))
def test_examples_run_and_print_what_the_page_says(name, offline):
    """If the bundled checkpoint has changed: ``python docs/blocks.py``, then read the pages."""
    for block, printed in run_python(text_of(name), name):
        assert (block.printed or "") == printed, f"{name}, line {block.line}"


@pytest.mark.parametrize("name", with_blocks("console"))
def test_commands_print_what_the_page_says(name, offline, tmp_path):
    for block, shown in run_console(text_of(name), tmp_path):
        assert block.code == shown, f"{name}, line {block.line}"


@pytest.mark.parametrize("name", with_blocks("py"))
def test_examples_that_need_the_network_fit_the_code(name):
    for block in blocks(text_of(name), "py"):
        source = "\n" * block.line + block.code
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, name, "exec", flags=flags)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func).split(".")[0]
            given = {keyword.arg for keyword in call.keywords}
            assert given <= OPTIONS.get(called, given), f"{called} has no {given}"
            if ast.unparse(call.func) == "MetaAlignerRunnable":  # and none of its other makers
                check_values(call)


def check_values(call):
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    values = {
        name: ast.literal_eval(given[name])
        for name in ("objectives", "template", "preserve", "model_kwargs")
        if name in given
    }
    if "model_kwargs" in values:
        assert set(values.pop("model_kwargs")) <= OPTIONS["AlignerLLM"]
    MetaAlignerRunnable(**values, llm=FakeAlignerLLM(str))


def test_the_gallery_shows_what_the_bundled_aligner_does(offline):
    """If it has changed: ``python docs/gallery.py``, judge each edit anew, ``docs/tables.py``."""
    stored = (gallery.GALLERY / "edits.json").read_text(encoding="utf-8")
    assert gallery.json.loads(stored) == gallery.edits()


def test_the_first_example_of_the_readme_really_edits(offline):
    for block in blocks(text_of("README.md"), "python"):
        if block.printed:
            assert "Nobody likes you" not in block.printed
            return
    pytest.fail("no block of the README shows an output")
