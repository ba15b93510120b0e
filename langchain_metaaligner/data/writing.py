"""Data sets on disk: the research's JSON files and a `datasets` folder, without holding the texts.

Pairs go to a spool file as they come; only their places are kept, and shuffled, in memory.
"""

from __future__ import annotations

import json
import random
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from datasets import Dataset, DatasetDict
from datasets.utils.logging import (
    disable_progress_bar,
    enable_progress_bar,
    is_progress_bar_enabled,
)

from langchain_metaaligner.data.preferences import WeakToStrong

#: How many shuffled contrastive pairs the research sets aside for validation.
VALIDATION = 15_000


class Spool:
    """Pairs on disk, in the order of their making; a context manager.

    Attributes:
        better: places of the contrastive pairs.
        equal: places of the equal pairs.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115, closed by __exit__
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
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as file:
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


def validation_size(pairs: int) -> int:
    """How many of some contrastive pairs to set aside: 15,000, and at most a tenth.

    >>> validation_size(277_719), validation_size(1_000), validation_size(3)
    (15000, 100, 0)
    """
    return min(VALIDATION, pairs // 10)


class Layout:
    """Writes the parts of a spool under their names, as JSON and as a `datasets` folder.

    Args:
        spool: the pairs.
        folder: the output folder.
    """

    def __init__(self, spool: Spool, folder: Path) -> None:
        self._spool, self._folder = spool, folder
        self._parts: dict[str, tuple[Sequence[int], bool]] = {}

    def part(self, name: str, places: Sequence[int], identical: bool = False) -> int:
        """Write a part, such as ``no_equal/train``; return its size."""
        self._parts[name] = (places, identical)
        return write_conversations(self._folder / f"{name}.json", self._rows(places, identical))

    def _rows(self, places: Sequence[int], identical: bool) -> Iterator[dict[str, Any]]:
        rows = self._spool.rows(places)
        return warm_up(rows) if identical else rows

    def finish(self) -> None:
        """Write ``datasets``: one split for each part that is not empty."""
        with _no_bars(), tempfile.TemporaryDirectory() as cache:
            splits = {
                name.replace("/", "_"): _dataset(self._rows(*given), cache, name)
                for name, given in self._parts.items()
                if given[0]
            }
            if splits:
                DatasetDict(splits).save_to_disk(self._folder / "datasets")


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


def _dataset(rows: Iterator[dict[str, Any]], cache: str, name: str) -> Dataset:
    """Build a split in pieces; its cache is a folder of its own, as generators cannot be hashed."""
    folder = Path(cache) / name.replace("/", "_")
    folder.mkdir()
    made = Dataset.from_generator(
        lambda: rows, cache_dir=str(folder), fingerprint=name.replace("/", "_")
    )
    return made.remove_columns("weak")


def shuffled(places: Sequence[int], rng: random.Random) -> list[int]:
    """The places in random order: the order that shuffling the items themselves would give."""
    order = list(places)
    rng.shuffle(order)
    return order
