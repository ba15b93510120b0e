"""The examples of the README and the docs run as they stand, offline.

Blocks marked ``python`` are run, all of a page in one namespace. Blocks marked ``py`` need the
network: they are compiled, and the options that they give to this package must exist.
"""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

import langchain_metaaligner
from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

ROOT = Path(langchain_metaaligner.__file__).parents[1]
PAGES = {page.name: page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
OPTIONS = {
    "AlignerLLM": set(AlignerLLM.model_fields),
    "MetaAlignerRunnable": set(MetaAlignerRunnable.model_fields),
    "MetaAlignerMiddleware": {*MetaAlignerRunnable.model_fields, "name"},
}
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

pytestmark = pytest.mark.filterwarnings("ignore:.*in beta")


def blocks(page, mark):
    """The blocks of a page with blank lines before them, so that errors tell the page's lines."""
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(rf"^```{mark}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield "\n" * text.count("\n", 0, block.start(1)) + block[1]


@pytest.fixture
def offline():
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


def with_blocks(mark):
    return [name for name, page in PAGES.items() if any(blocks(page, mark))]


@pytest.mark.parametrize("name", with_blocks("python"))
def test_examples_run(name, offline, capsys):
    namespace = {"__name__": "example"}
    for block in blocks(PAGES[name], "python"):
        code = compile(block, PAGES[name], "exec", flags=TOP_LEVEL_AWAIT)
        result = eval(code, namespace)
        if inspect.iscoroutine(result):
            asyncio.run(result)


def test_the_first_screen_shows_a_real_edit():
    """If the bundled checkpoint has changed, put its edit into the README."""
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    labels = re.split(r"^(question|objectives|draft|after) ", shown, flags=re.MULTILINE)
    _, question, _, objectives, _, draft, _, after = (" ".join(one.split()) for one in labels[1:])
    aligner = MetaAlignerRunnable(objectives=objectives.split(", "), model_kwargs={"device": "cpu"})
    assert aligner.align(question, draft).text == after


@pytest.mark.parametrize("name", with_blocks("py"))
def test_examples_that_need_the_network_fit_the_code(name):
    for block in blocks(PAGES[name], "py"):
        tree = compile(block, PAGES[name], "exec", flags=ast.PyCF_ONLY_AST | TOP_LEVEL_AWAIT)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func).split(".")[0]
            given = {keyword.arg for keyword in call.keywords}
            assert given <= OPTIONS.get(called, given), f"{called} has no {given}"
            if called == "MetaAlignerRunnable":
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
