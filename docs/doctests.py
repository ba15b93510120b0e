"""Lets the reference show the examples in docstrings as code, wherever they stand."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts a fence around each doctest, which would otherwise be a quotation in Markdown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(
                lambda example: f"{example[1]}```pycon\n{example[0]}\n{example[1]}```",
                obj.docstring.value,
            )
