"""Raw records of a data set: from a file, from a folder in the layout of the Hub, or from the Hub.

The research reads ``Anthropic/hh-rlhf`` (a folder for each of its parts, with a file each for train
and test) and ``openbmb/UltraFeedback`` (six files, of whose records the last 15,000 are the test
part) from the Hub. A copy of their files in a folder is read in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_metaaligner.data.options import check_split
from langchain_metaaligner.errors import DataError
from langchain_metaaligner.tables.jsonl import json_lines
from langchain_metaaligner.tables.problems import Kind, Problems
from langchain_metaaligner.tables.source import open_source

LAST = 15_000
"""How many records at the end are the research's test part of UltraFeedback."""

_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_LISTED = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_END = 1 << 62

Record = tuple[str, int, dict[str, Any]]
"""The file's name, the line there (or the number of the record), and the record."""


@dataclass(frozen=True)
class Piece:
    """Records of one file.

    Attributes:
        path: the file.
        name: what reports call it.
        first: the first line that counts.
        last: the first line that no longer does.
    """

    path: Path
    name: str
    first: int = 1
    last: int = _END


@dataclass(frozen=True)
class Records:
    """Records of one or several files, in their order.

    Attributes:
        name: as it was given: a file, a folder, or a name on the Hub.
        pieces: the files.
    """

    name: str
    pieces: tuple[Piece, ...]

    @property
    def sources(self) -> list[str]:
        """The files, as reports call them."""
        return [piece.name for piece in self.pieces]

    def read(self, problems: Problems) -> Iterator[Record]:
        """The records, one after the other; a line that is none is a problem.

        Raises:
            DataError: if a file cannot be read.
        """
        for piece in self.pieces:
            for number, record in _rows(piece.path, _PieceProblems(problems, piece)):
                if number >= piece.last:
                    break
                if number >= piece.first:
                    yield piece.name, number, record

    def divided(self, last: int = LAST) -> tuple[Records, Records]:
        """All records but the last ones, and those.

        Raises:
            DataError: if there are no more than these.
        """
        places = [
            (at, number)
            for at, piece in enumerate(self.pieces)
            for number, _ in _rows(piece.path, Problems())
        ]
        if len(places) <= last:
            raise DataError(
                f"{self.name} has {len(places):,} records, of which the last {last:,} are to be "
                "the test part. Give the whole data set, or its parts as two files: --input for "
                "training and --test."
            )
        border, line = places[len(places) - last]
        before, after = list(self.pieces[: border + 1]), list(self.pieces[border:])
        before[-1] = Piece(before[-1].path, before[-1].name, last=line)
        after[0] = Piece(after[0].path, after[0].name, first=line)
        return Records(self.name, tuple(before)), Records(self.name, tuple(after))


class _PieceProblems(Problems):
    """Takes note of what is wrong in a piece of a file, under the name of that file."""

    def __init__(self, problems: Problems, piece: Piece) -> None:
        super().__init__()
        self._problems, self._piece = problems, piece

    def found(self, kind: Kind, source: str, line: int, detail: str) -> None:
        if self._piece.first <= line < self._piece.last:
            self._problems.found(kind, self._piece.name, line, detail)


def _rows(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        yield from json_lines(path, problems)
    else:
        rows = open_source(path).rows(problems)
        yield from ((number, dict(row)) for number, row in enumerate(rows, 1))


def records_of(source: Records | Path | str, split: str | None = None) -> Records:
    """Find the records of a source.

    Args:
        source: a file (one JSON object a line, or Parquet), a folder in the layout of the Hub, or
            the name of a data set on the Hub, which is downloaded, or taken from its cache.
        split: ``"train"`` or ``"test"``: of a folder or a data set the files that are named so,
            where any is. A file is what it is.

    Raises:
        DataError: if there is nothing to read.
    """
    if isinstance(source, Records):
        return source
    if split is not None:
        check_split(split)
    path, name = Path(source), Path(source).as_posix()
    if path.is_file():
        return Records(name, (Piece(path, path.name),))
    if not path.is_dir():
        if not _HUB_NAME.fullmatch(name) or name.lower().endswith((*_ENDINGS, ".csv", ".gz")):
            raise DataError(
                f"There is no file {name}. Give the path of a file, of a folder with the files of "
                "a data set, or the name of one on the Hub, such as Anthropic/hh-rlhf."
            )
        path = _downloaded(name)
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.name.lower().endswith(_ENDINGS)
        and file.name not in _LISTED
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    named = {part: [file for file in files if _is_of(part, file.relative_to(path))] for part in
             ("train", "test")}  # fmt: skip
    if split is not None and any(named.values()):
        files = named[split]
    if not files:
        raise DataError(
            f"{name} holds no records{f' of the {split} part' if split else ''}. Its files are to "
            f"be named {', '.join(_ENDINGS)}, as on the Hub."
        )
    pieces = (Piece(file, file.relative_to(path).as_posix()) for file in files)
    return Records(name, tuple(pieces))


def _is_of(split: str, file: Path) -> bool:
    return bool(re.search(rf"(?<![a-z]){split}(?![a-z])", file.as_posix().lower()))


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = [f"*{ending}" for ending in _ENDINGS]
    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=patterns))
    except Exception as error:  # the Hub's client and httpx raise errors of many kinds
        raise DataError(
            f"{name} is no file or folder here, and no data set could be fetched by that name "
            f"({type(error).__name__}: {str(error)[:200]}). Give a file, a folder in the layout of "
            "the Hub, or the name of a data set there."
        ) from error
