"""Runs the code of the README and of the pages, and writes what it prints below it.

``python docs/blocks.py [--check] [PAGE…]``, all pages by default. The marks of blocks:

- ``python``: runs offline, all blocks of a page in one namespace. What a block prints stands in a
  block ``text title="Output"`` right behind it.
- ``console``: ``$ command`` lines with what they print; they run in order, in an empty folder.
- ``py``: needs a server, a GPU or a download. It is compiled, and its options must exist.
- ``bash``: is not run; its ``metaaligner`` commands and their options must exist.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<mark>python|py|console|bash)\n(?P<code>.*?)^(?P=indent)```$\n?"
    r'(?P<output>\n*(?P=indent)```text title="Output"\n(?P<printed>.*?)^(?P=indent)```$\n?)?',
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """A block of code of a page.

    Attributes:
        mark: what it is: python, py, console or bash.
        code: the code, without the indentation of the block itself.
        line: how many lines of the page stand before its first one.
        printed: what the page says that it prints; None where the page does not say.
        span: where the block and its output stand in the page.
        indent: what stands before each of its lines in the page.
    """

    mark: str
    code: str
    line: int
    printed: str | None
    span: tuple[int, int]
    indent: str


def pages() -> dict[str, Path]:
    """The README and all pages, by their names in the repository."""
    found = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    return {str(page.relative_to(ROOT)): page for page in found}


def blocks(page: str, *marks: str) -> list[Block]:
    """The blocks of a page's text that carry one of the marks, in order."""
    result = []
    for match in _BLOCK.finditer(page):
        indent = match["indent"]
        code, printed = (_dedented(match[name], indent) for name in ("code", "printed"))
        line = page.count("\n", 0, match.start("code"))
        result.append(Block(match["mark"], code or "", line, printed, match.span(), indent))
    return [block for block in result if block.mark in marks]


def _dedented(text: str | None, indent: str) -> str | None:
    return text if text is None else re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)


def run_python(page: str, name: str) -> Iterator[tuple[Block, str]]:
    """Each ``python`` block of a page, run in order, with what it printed."""
    namespace: dict[str, Any] = {"__name__": "example"}
    for block in blocks(page, "python"):
        source = "\n" * block.line + block.code  # so that tracebacks tell the page's lines
        code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            result = eval(code, namespace)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        yield block, tidy(stdout.getvalue())


def run_console(page: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Each ``console`` block of a page, run in order, as it should stand in the page."""
    for block in blocks(page, "console"):
        lines = []
        for command in _commands(block.code):
            lines += [f"$ {command}", _run(command.replace("\\\n", " "), folder)]
        yield block, tidy("\n".join(line for line in lines if line))


def _commands(code: str) -> list[str]:
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", code, re.MULTILINE)


def _run(command: str, folder: Path) -> str:
    """What a shell command prints; our own command runs in this process, at the end of a pipe."""
    from typer.testing import CliRunner

    from langchain_metaaligner.cli import app

    before, name, ours = command.rpartition("metaaligner ")
    before, (ours, _, target) = before.strip(), ours.partition(" > ")
    if not name or (before and not before.endswith("|")):
        return _shell(command, folder)
    stdin = _shell(before.removesuffix("|"), folder) + "\n" if before else None
    with _chdir(folder):
        done = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}).invoke(
            app, shlex.split(ours), input=stdin
        )
    if done.exit_code and done.exception and not isinstance(done.exception, SystemExit):
        return f"Error: {done.exception}"
    if target:
        (folder / target).write_text(done.stdout, encoding="utf-8")
        return ""
    return done.stdout.rstrip()


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _shell(command: str, folder: Path) -> str:
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    return (done.stdout + done.stderr).rstrip()


def tidy(text: str) -> str:
    """Printed text without spaces at line ends, ending in one line feed, or empty."""
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"{lines}\n" if lines else ""


def filled(page: str, name: str) -> str:
    """The page with what its blocks print now."""
    pieces: list[tuple[tuple[int, int], str]] = []
    for block, printed in run_python(page, name):
        shown = f'\n```text title="Output"\n{printed}```\n' if printed else ""
        pieces.append((block.span, _indented(f"```python\n{block.code}```\n{shown}", block.indent)))
    with tempfile.TemporaryDirectory() as folder:
        for block, shown in run_console(page, Path(folder)):
            pieces.append((block.span, _indented(f"```console\n{shown}```\n", block.indent)))
    for (start, end), text in sorted(pieces, reverse=True):
        page = page[:start] + text + page[end:]
    return page


def _indented(text: str, indent: str) -> str:
    return re.sub(r"^(?=.)", indent, text, flags=re.MULTILINE)


def main() -> None:
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    stale = []
    for name, path in pages().items():
        page = path.read_text(encoding="utf-8")
        if (wanted and name not in wanted) or not blocks(page, "python", "console"):
            continue
        fresh = filled(page, name)
        if fresh != page and "--check" in sys.argv:
            stale.append(name)
        elif fresh != page:
            path.write_text(fresh, encoding="utf-8")
    if stale:
        raise SystemExit(f"Stale: {', '.join(stale)}. Run: python docs/blocks.py")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
