"""Answers of a policy model to the queries of a data set: what an aligner then corrects.

Source: ``inference/*-generate.py`` and ``src/IMHI.py`` of the research repositories. The prompt is
the raw query, without a chat template. Against the research the output of IMHI has the queries too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage
from tenacity import Retrying, stop_after_attempt, wait_random_exponential

from langchain_metaaligner.data.mentallama import read_mentallama
from langchain_metaaligner.errors import DataError, SettingError, nearest
from langchain_metaaligner.files.research import read_frame, write_frame
from langchain_metaaligner.tables.csv import csv_rows, write_csv
from langchain_metaaligner.tables.ledger import Ledger
from langchain_metaaligner.tables.problems import Problems


@dataclass(frozen=True)
class QuerySet:
    """How a data set's queries are read.

    Attributes:
        query: column of the queries.
        golden: column of the golden answers.
        max_new_tokens: tokens that an answer may take.
        folder: whether it is a folder of files, one a data set of IMHI.
    """

    query: str
    golden: str
    max_new_tokens: int
    folder: bool = False


_IMHI = QuerySet("query", "gpt-3.5-turbo", 1024, True)
QUERY_SETS = {
    "hh-rlhf": QuerySet("prompt", "chosen_response", 1024),
    "ultrafeedback": QuerySet("query", "golden_response", 728),
    "imhi": _IMHI,
    "imhi-completion": _IMHI,
    "expert": _IMHI,
}
TOTAL = 2048
"""Tokens that prompt and answer take together on IMHI, at most."""


@dataclass
class GenerationReport:
    """What became of the queries.

    Attributes:
        answered: rows with an answer.
        reused: of them, those that the ledger had.
        empty: rows without a query.
        errors: rows whose model call failed, by the kind of error; the next run tries them again.
        problems: lines of the input that are no rows.
    """

    answered: int = 0
    reused: int = 0
    empty: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    problems: Problems = field(default_factory=Problems)


def query_set(name: str) -> QuerySet:
    """A data set's way to be read.

    Raises:
        SettingError: if there is none of that name.
    """
    if name not in QUERY_SETS:
        raise SettingError(
            f"The data set {name!r} is unknown.{nearest(name, QUERY_SETS)} "
            f"Give one of: {', '.join(QUERY_SETS)}."
        )
    return QUERY_SETS[name]


def generate_answers(
    dataset: str,
    source: Path,
    output: Path,
    llm: BaseLanguageModel[Any],
    *,
    llm_name: str,
    prefix: str = "",
    max_new_tokens: int | None = None,
    limit: int | None = None,
    concurrency: int = 16,
    tries: int = 5,
    research_compat: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
) -> GenerationReport:
    """Let a model answer the queries of a data set. Resumable: answers are kept in a ledger.

    Writes ``query, goldens, generated_text`` into a CSV file or, for IMHI, one file a data set into
    a folder. Under ``research_compat`` IMHI files have no queries, and the dialect is that of the
    research.

    Args:
        dataset: one of `QUERY_SETS`.
        source: a CSV file, or for IMHI a folder of them (or one of them).
        output: the CSV file, or the folder.
        llm: a local model (`models.policy.load_policy`) or any LangChain model.
        llm_name: what the ledger calls it.
        prefix: what stands before each query, such as the target rewards of SFT and CDPO.
        max_new_tokens: of a local model's answers; by itself the research's.
        limit: rows of each file, from the first on.
        concurrency: rows under way at the same time; on a local model they share batches.
        tries: how often one call is made, at most.
        research_compat: as the research writes.
        progress: called with the number of rows done.

    Raises:
        SettingError: if there is no such data set.
        DataError: if there is no such file or column.
        LedgerError: see `Ledger`.
    """
    queries = query_set(dataset)
    report = GenerationReport()
    files = _files(source, queries)
    ledger_path = (
        output / "generate.ledger.jsonl" if queries.folder else Path(f"{output}.ledger.jsonl")
    )
    settings = {
        "model": llm_name,
        "dataset": dataset,
        "prefix": prefix,
        "max_new_tokens": max_new_tokens or queries.max_new_tokens,
    }
    retrying = Retrying(
        stop=stop_after_attempt(tries), wait=wait_random_exponential(0.2, 20), reraise=True
    )

    with Ledger(ledger_path, settings) as ledger:

        def answer(query: object) -> str | None:
            if not isinstance(query, str) or not query.strip():
                report.empty += 1
                return None
            key = ledger.key(query)
            if known := ledger.find(key):
                report.reused += 1
                report.answered += 1
                return str(known["text"])
            try:
                text = retrying.copy()(_ask, llm, prefix + query, queries, settings)
            except Exception as error:  # one row must not cost the others
                report.errors[type(error).__name__] += 1
                ledger.add_failure(key, f"{type(error).__name__}: {error}")
                return None
            ledger.add(key, {"text": text})
            report.answered += 1
            return text

        with ThreadPoolExecutor(concurrency) as pool:
            for path in files:
                rows = list(islice(_rows(path, queries, research_compat, report.problems), limit))
                made = []
                for text in pool.map(answer, [query for query, _ in rows]):
                    made.append(text)
                    progress(1)
                target = output / path.name if queries.folder else output
                _write(target, rows, made, queries.folder, research_compat)
    return report


def _ask(
    llm: BaseLanguageModel[Any], prompt: str, queries: QuerySet, settings: dict[str, Any]
) -> str:
    options: dict[str, Any] = {}
    if hasattr(llm, "max_new_tokens"):
        most = int(settings["max_new_tokens"])
        if queries.folder and not type(llm).__name__.startswith("Encoder"):
            most = max(1, min(most, TOTAL - llm.get_num_tokens(prompt)))
        options["max_new_tokens"] = most
    made = llm.invoke(prompt, **options)
    return made.text if isinstance(made, BaseMessage) else str(made)


def _files(source: Path, queries: QuerySet) -> list[Path]:
    if source.is_file():
        return [source]
    files = sorted(source.glob("*.csv")) if queries.folder else []
    if not files:
        wanted = "a folder of CSV files" if queries.folder else "a CSV file"
        raise DataError(f"There is nothing to read at {source}. Give {wanted}.")
    return files


def _rows(
    path: Path, queries: QuerySet, research_compat: bool, problems: Problems
) -> Iterator[tuple[Any, Any]]:
    columns = (queries.query, queries.golden)
    if queries.folder and not research_compat:
        yield from read_mentallama(path, problems)
        return
    if not research_compat:
        for _, row in csv_rows(path, columns, problems):
            yield row[queries.query], row[queries.golden]
        return
    frame = read_frame(path)
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise DataError(
            f"{path} lacks the columns {', '.join(absent)}. It has: {', '.join(frame.columns)}."
        )
    yield from zip(frame[queries.query], frame[queries.golden], strict=True)


def _write(
    path: Path,
    rows: Sequence[tuple[Any, Any]],
    made: Sequence[str | None],
    folder: bool,
    research_compat: bool,
) -> None:
    columns = ("query", "goldens", "generated_text")
    table = [(query, golden, text) for (query, golden), text in zip(rows, made, strict=True)]
    if not research_compat:
        write_csv(
            path, columns, [tuple("" if one is None else one for one in row) for row in table]
        )
        return
    import pandas

    frame = pandas.DataFrame(table, columns=list(columns))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frame(frame[list(columns[1:])] if folder else frame, path)
