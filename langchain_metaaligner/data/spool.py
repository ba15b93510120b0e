"""Data sets on disk: the research's JSON files and a `datasets` folder, without holding the texts.

Pairs go to a spool file as they come; only their places are kept, and shuffled, in memory.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from datasets import Dataset, Features, List, Value
from datasets.config import DATASET_INFO_FILENAME, DATASETDICT_JSON_FILENAME
from datasets.utils.logging import (
    disable_progress_bar,
    enable_progress_bar,
    is_progress_bar_enabled,
)

from langchain_metaaligner.data.options import Progress
from langchain_metaaligner.data.preferences import WeakToStrong
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.whole import whole_file

#: How many shuffled contrastive pairs the research sets aside for validation.
VALIDATION = 15_000


_TEXTS = ("prompt", "completion", "kind")
FEATURES = Features(
    {
        "id": Value("int64"),
        "prompt": Value("large_string"),
        "completion": Value("large_string"),
        "objectives": List(Value("string")),
        "kind": Value("string"),
    }
)
"""The columns of the ``datasets`` folder."""


class Spool:
    """Pairs on disk, in the order of their making; a context manager.

    Args:
        folder: where the file lies that holds them, which no one else sees; by itself the
            system's folder for such files.

    Attributes:
        better: places of the contrastive pairs.
        equal: places of the equal pairs.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile("w+b", dir=folder)  # noqa: SIM115, closed by __exit__
        self.better: array[int] = array("Q")
        self.equal: array[int] = array("Q")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, pair: WeakToStrong) -> None:
        """Append a pair; its id is the number of pairs before it."""
        place = self._file.seek(0, 2)
        record = {
            "id": len(self.better) + len(self.equal),
            "prompt": pair.prompt,
            "completion": pair.strong,
            "weak": pair.weak,
            "objectives": list(pair.objectives),
            "kind": pair.mode,
        }
        self._file.write(json.dumps(record).encode() + b"\n")
        (self.better if pair.mode == "better" else self.equal).append(place)

    def rows(self, places: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Read the pairs at some places."""
        for place in places:
            self._file.seek(place)
            yield json.loads(self._file.readline())


def warm_up(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Turn equal pairs into identical ones, whose target is the answer itself (section 3.2.2)."""
    for row in rows:
        yield {**row, "completion": row["weak"], "kind": "identical"}


def write_conversations(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Write rows as one JSON array, byte for byte as ``json.dumps`` does; return their number."""
    count = 0
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.write("[")
        for count, row in enumerate(rows, 1):
            turns = (("human", row["prompt"]), ("gpt", row["completion"]))
            item = {
                "id": row["id"],
                "conversations": [{"from": role, "value": value} for role, value in turns],
            }
            file.write((", " if count > 1 else "") + json.dumps(item))
        file.write("]")
    return count


def validation_size(pairs: int, asked: int | None = None, usual: int = VALIDATION) -> int:
    """How many of some pairs to set aside: as asked, or as usual and at most a tenth.

    Raises:
        DataError: if that leaves nothing to train on.

    >>> validation_size(277_719), validation_size(1_000), validation_size(3)
    (15000, 100, 0)
    """
    if asked is None:
        return min(usual, pairs // 10)
    if asked < 0 or (asked > 0 and asked >= pairs):
        raise DataError(
            f"validation={asked} cannot be set aside from {pairs} pairs with some left to train "
            f"on. Give 0 to {max(pairs - 1, 0)}, or nothing: {usual:,} and at most a tenth."
        )
    return asked


class Layout:
    """Writes the parts of a spool under their names, as JSON and as a `datasets` folder.

    Args:
        spool: the pairs.
        folder: the output folder.
        progress: wraps the pairs as they are written.
    """

    def __init__(self, spool: Spool, folder: Path, progress: Progress = iter) -> None:
        self._spool, self._folder, self._progress = spool, folder, progress
        self._parts: dict[str, tuple[Sequence[int], bool]] = {}

    def part(self, name: str, places: Sequence[int], identical: bool = False) -> int:
        """Write a part, such as ``no_equal/train``; return its size."""
        self._parts[name] = (places, identical)
        return write_conversations(self._folder / f"{name}.json", self._rows(places, identical))

    def _rows(self, places: Sequence[int], identical: bool) -> Iterator[dict[str, Any]]:
        rows = iter(self._progress(self._spool.rows(places)))
        return warm_up(rows) if identical else rows

    def finish(self) -> None:
        """Write ``datasets``: one split for each part that is not empty.

        Splits that another run has put there, such as that of the test part, stay.
        """
        root = self._folder / "datasets"
        with _no_bars(), tempfile.TemporaryDirectory(dir=self._folder) as cache:
            for name, (places, identical) in self._parts.items():
                split = name.replace("/", "_")
                shutil.rmtree(root / split, ignore_errors=True)
                if places:
                    rows = self._rows(places, identical)
                    _dataset(rows, Path(cache) / split).save_to_disk(root / split)
        if root.is_dir():
            splits = sorted(info.parent.name for info in root.glob(f"*/{DATASET_INFO_FILENAME}"))
            (root / DATASETDICT_JSON_FILENAME).write_text(json.dumps({"splits": splits}))


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep `datasets` from drawing bars of its own."""
    shown = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            enable_progress_bar()


def _dataset(rows: Iterator[dict[str, Any]], cache: Path) -> Dataset:
    """Build a split in pieces; its cache is a folder of its own, as generators cannot be hashed."""
    cache.mkdir()
    return Dataset.from_generator(
        lambda: map(_typed, rows), features=FEATURES, cache_dir=str(cache), fingerprint=cache.name
    )


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Fit a row to `FEATURES`; what is no Unicode can only come from the research's rules."""
    texts = {name: str(row[name]).encode(errors="replace").decode() for name in _TEXTS}
    return texts | {"id": row["id"], "objectives": row["objectives"]}


def shuffled(places: array[int], rng: random.Random) -> array[int]:
    """The places in random order: the order that shuffling the items themselves would give."""
    order = places[:]
    rng.shuffle(order)
    return order
