"""The queries of the research's data sets: in which columns and files they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langchain_metaaligner.errors import DataError, SettingError, nearest


@dataclass(frozen=True)
class QuerySet:
    """How a data set's queries are read.

    Attributes:
        query: column of the queries.
        golden: column of the golden answers.
        max_new_tokens: tokens that an answer may take.
        folder: whether it is a folder of files, one a data set of IMHI.
        window: tokens that prompt and answer of a decoder take together, at most.
    """

    query: str
    golden: str
    max_new_tokens: int
    folder: bool = False
    window: int | None = None


_IMHI = QuerySet("query", "gpt-3.5-turbo", 1024, True, 2048)
QUERY_SETS = {
    "hh-rlhf": QuerySet("prompt", "chosen_response", 1024),
    "ultrafeedback": QuerySet("query", "golden_response", 728),
    "imhi": _IMHI,
    "imhi-completion": _IMHI,
    "expert": _IMHI,
}


def query_set(name: str) -> QuerySet:
    """A data set's way to be read, by its name in any case.

    Raises:
        SettingError: if there is none of that name.
    """
    if name.casefold() not in QUERY_SETS:
        raise SettingError(
            f"The data set {name!r} is unknown.{nearest(name, QUERY_SETS)} "
            f"Give one of: {', '.join(QUERY_SETS)}."
        )
    return QUERY_SETS[name.casefold()]


def query_files(source: Path, queries: QuerySet) -> list[Path]:
    """The files of a data set.

    Raises:
        DataError: if there is none.
    """
    if source.is_file():
        return [source]
    files = sorted(source.glob("*.csv")) if queries.folder else []
    if not files:
        wanted = "a folder of CSV files" if queries.folder else "a CSV file"
        raise DataError(f"There is nothing to read at {source}. Give {wanted}.")
    return files
