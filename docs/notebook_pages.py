"""The notebooks as pages of the site: a hook of mkdocs.

`mkdocs-jupyter` would do it with twelve packages more; but it loads MathJax from elsewhere, checks
no link, and gives `llms.txt` the notebook's JSON. A page here is Markdown like all others.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, with its pictures; the notebook itself can be downloaded."""
    for source in [file for file in files if file.src_uri.endswith(".ipynb")]:
        stem = source.src_uri.removesuffix(".ipynb")
        notebook = nbformat.read(source.abs_src_path, as_version=4)
        pictures: dict[str, bytes] = {}
        text = "\n\n".join(_parts(notebook, stem.rpartition("/")[2], pictures))
        files.append(File.generated(config, f"{stem}.md", content=text))
        for name, picture in pictures.items():
            folder = stem.rpartition("/")[0]
            files.append(File.generated(config, f"{folder}/{name}", content=picture))
    return files


def _parts(notebook: Any, stem: str, pictures: dict[str, bytes]) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", cell.source)
            if number == 0:
                yield f"[Download the notebook]({stem}.ipynb){{ download }}"
        elif cell.cell_type == "code":
            yield f"```python\n{cell.source}\n```"
            for output in cell.outputs:
                yield _shown(output, f"{stem}-{number}-{len(pictures)}.png", pictures)


def _shown(output: Any, name: str, pictures: dict[str, bytes]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        pictures[name] = base64.b64decode(data["image/png"])
        return f"![The plot that the code above draws]({name})"
    if "text/html" in data:
        return f'<div class="notebook-output" markdown="0">\n{data["text/html"]}\n</div>'
    text = output.get("text") or data.get("text/plain", "")
    return f'```text title="Output"\n{text.rstrip()}\n```'
