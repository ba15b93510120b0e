"""Files that appear when they are whole: written beside their place, then put there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file that is to stand at ``path`` once it is whole.

    The file is put in place, and its bytes are on the disk, when the block ends; an error within it
    leaves what stood there before. What a killed run left beside the place is overwritten.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "new" / "figures.json"
    >>> with whole_file(path) as unfinished:
    ...     _ = unfinished.write_text("{}")
    ...     path.exists()
    False
    >>> path.read_text()
    '{}'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:  # also Ctrl-C: nothing half-made stays beside the place
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Where to fill a folder that is to stand at ``path`` once it is whole.

    What stood there before goes when the block has ended, and stays after an error within it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "final"
    >>> with whole_folder(path) as unfinished:
    ...     _ = (unfinished / "config.json").write_text("{}")
    ...     path.exists()
    False
    >>> [file.name for file in path.iterdir()]
    ['config.json']
    """
    unfinished = path.with_name(f"{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if path.exists():
            shutil.rmtree(path)
        unfinished.replace(path)
    except BaseException:  # also Ctrl-C: nothing half-made stays beside the place
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """A value as a JSON file, at once or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_text(
            json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
