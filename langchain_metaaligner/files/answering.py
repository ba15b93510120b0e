"""Answers of a policy model to the queries of a data set: what an aligner then corrects.

Source: ``inference/*-generate.py`` and ``src/IMHI.py`` of the research repositories. The prompt is
the raw query, without a chat template. Against the research the output of IMHI has the queries too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage

from langchain_metaaligner.errors import (
    CheckpointError,
    MissingExtraError,
)
from langchain_metaaligner.files.calls import call_all, reason
from langchain_metaaligner.files.engines import llm_settings
from langchain_metaaligner.files.mentallama import read_mentallama
from langchain_metaaligner.files.queries import QuerySet, query_files, query_set
from langchain_metaaligner.files.research import read_frame, write_frame
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.tables.csv import check_columns, csv_rows, write_cells
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome
from langchain_metaaligner.tables.problems import Problems
from langchain_metaaligner.tables.source import format_of, open_source
from langchain_metaaligner.tables.whole import whole_file

PROMPT_VERSION = 1
"""Rises when the same queries under the same options would be asked in another way."""


@dataclass
class GenerationReport:
    """What became of the queries.

    Attributes:
        answered: rows with an answer.
        reused: of them, those that the ledger had.
        empty: rows without a query.
        errors: rows whose model call failed, by the kind of error; the next run tries them again.
        reasons: for each kind of error, the first one in full.
        problems: lines of the input that are no rows.
    """

    answered: int = 0
    reused: int = 0
    empty: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True)
class Policy:
    """A model that answers, and how it is asked.

    Attributes:
        llm: a local model (`models.policy.load_policy`) or any LangChain model.
        llm_name: what the ledger calls it.
        settings: whatever of its making shapes its answers and is not to be seen in ``llm``, such
            as the base of an adapter. JSON values.
        prefix: what stands before each query, such as the target rewards of SFT and CDPO.
        concurrency: calls under way at the same time; a local model makes batches of its own.
        tries: how often one call is made, at most.
    """

    llm: BaseLanguageModel[Any]
    llm_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    concurrency: int = 16
    tries: int = 5


def generate_answers(
    dataset: str,
    source: Path,
    output: Path,
    policy: Policy | BaseLanguageModel[Any],
    *,
    max_new_tokens: int | None = None,
    limit: int | None = None,
    research_compat: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
    **asking: Any,
) -> GenerationReport:
    """Let a model answer the queries of a data set. Resumable: answers are kept in a ledger.

    Writes ``query, goldens, generated_text`` into a CSV file or, for IMHI, one file a data set into
    a folder. Under ``research_compat`` IMHI files have no queries, and the dialect is that of the
    research.

    Args:
        dataset: one of `files.queries.QUERY_SETS`.
        source: a CSV file, or for IMHI a folder of them (or one of them).
        output: the CSV file, or the folder.
        policy: who answers: a model, or one with the way it is asked.
        max_new_tokens: of a local model's answers; by itself the research's.
        limit: rows of each file, from the first on.
        research_compat: as the research writes.
        progress: called with the number of rows done since the last call.
        **asking: of a model, the other fields of `Policy`; at least ``llm_name``.

    Raises:
        SettingError: if there is no such data set.
        DataError: if there is no such file or column.
        CheckpointError: if a local model cannot be read.
        CallError: if no call of a served model can succeed; what was answered is kept.
        LedgerError: see `Ledger`.
    """
    if not isinstance(policy, Policy):
        policy = Policy(policy, **asking)
    queries = query_set(dataset)
    files = query_files(source, queries)
    most = max_new_tokens or queries.max_new_tokens
    ledger_path = (
        output / "generate.ledger.jsonl" if queries.folder else Path(f"{output}.ledger.jsonl")
    )
    report = GenerationReport()
    with Ledger(ledger_path, _settings(dataset, policy, most)) as ledger:
        for path in files:
            rows = list(islice(_rows(path, queries, research_compat, report.problems), limit))
            asked = [query for query, _ in rows if _is_query(query)]
            answers = iter(_answers(asked, policy, queries, most, ledger, report, progress))
            texts = [next(answers) if _is_query(query) else None for query, _ in rows]
            report.empty += len(rows) - len(asked)
            progress(len(rows) - len(asked))
            target = output / path.name if queries.folder else output
            _write(target, rows, texts, queries.folder, research_compat)
    return report


def _settings(dataset: str, policy: Policy, most: int) -> dict[str, Any]:
    """Whatever shapes an answer; the key of weights in this process is none of that."""
    seen = llm_settings(policy.llm)
    return {
        "model": policy.llm_name,
        "llm": {name: value for name, value in seen.items() if name != "adopted"},
        **policy.settings,
        "dataset": dataset.casefold(),
        "prefix": policy.prefix,
        "max_new_tokens": most,
        "prompt_version": PROMPT_VERSION,
    }


def _is_query(query: object) -> bool:
    return isinstance(query, str) and bool(query.strip())


def _answers(
    asked: Sequence[str],
    policy: Policy,
    queries: QuerySet,
    most: int,
    ledger: Ledger,
    report: GenerationReport,
    progress: Callable[[int], object],
) -> list[str | None]:
    """The answer to each query, None where the call failed."""
    missing: set[str] = set()

    def make(units: Sequence[str]) -> Iterator[tuple[int, Outcome]]:
        missing.update(units)
        progress(sum(query not in missing for query in asked))
        prompts = [policy.prefix + query for query in units]
        if isinstance(policy.llm, EditingLLM):
            made = _locally(policy.llm, prompts, most, queries.window)
        else:
            made = call_all(
                lambda prompt: {"text": _text(policy.llm.invoke(prompt))},
                prompts,
                concurrency=policy.concurrency,
                tries=policy.tries,
            )
        for place, outcome in made:
            yield place, outcome
            progress(1)

    outcomes = ledger.complete(asked, make, content=lambda query: [query])
    if not missing:
        progress(len(asked))
    texts: list[str | None] = []
    for query, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Failure):
            kind = outcome.reason.partition(":")[0]
            report.errors[kind] += 1
            report.reasons.setdefault(kind, outcome.reason)
            texts.append(None)
        else:
            report.answered += 1
            report.reused += query not in missing
            texts.append(str(outcome["text"]))
    return texts


def _locally(
    llm: EditingLLM, prompts: Sequence[str], most: int, window: int | None
) -> Iterator[tuple[int, Outcome]]:
    """Answers of a model in this process, some batches at a time.

    Where prompt and answer share a window, an answer may take what its prompt leaves of it.
    """
    rooms: dict[int, list[int]] = {}
    for place, prompt in enumerate(prompts):
        rooms.setdefault(_room(llm, prompt, most, window), []).append(place)
    size = 4 * getattr(llm, "batch_size", 8)
    for room, places in rooms.items():
        for start in range(0, len(places), size):
            some = places[start : start + size]
            made: list[Any] = llm.batch(
                [prompts[place] for place in some], return_exceptions=True, max_new_tokens=room
            )
            for place, text in zip(some, made, strict=True):
                if isinstance(text, CheckpointError | MissingExtraError):
                    raise text  # no other query will fare better
                yield (
                    place,
                    Failure(reason(text)) if isinstance(text, Exception) else {"text": text},
                )


def _room(llm: EditingLLM, prompt: str, most: int, window: int | None) -> int:
    if window is None or llm.context_length is None:  # an encoder reads the prompt on its own
        return most
    try:
        return max(1, min(most, window - llm.get_num_tokens(prompt)))
    except CheckpointError:
        raise
    except Exception:  # what a tokenizer raises; the call itself will tell, for this row alone
        return most


def _text(reply: Any) -> str:
    return str(reply.text) if isinstance(reply, BaseMessage) else str(reply)


def _rows(
    path: Path, queries: QuerySet, research_compat: bool, problems: Problems
) -> Iterator[tuple[Any, Any]]:
    columns = (queries.query, queries.golden)
    if research_compat:
        frame = read_frame(path)
        check_columns(path, list(frame.columns), columns)
        yield from zip(frame[queries.query], frame[queries.golden], strict=True)
    elif queries.folder:
        yield from read_mentallama(path, problems)
    elif format_of(path) == "csv":
        for _, row in csv_rows(path, columns, problems):
            yield row[queries.query], row[queries.golden]
    else:
        opened = open_source(path)
        check_columns(path, opened.columns, columns)
        for record in opened.rows(problems):
            yield record[queries.query], record[queries.golden]


def _write(
    path: Path,
    rows: Sequence[tuple[Any, Any]],
    texts: Sequence[str | None],
    folder: bool,
    research_compat: bool,
) -> None:
    columns = ("query", "goldens", "generated_text")
    table = [(query, golden, text) for (query, golden), text in zip(rows, texts, strict=True)]
    if not research_compat:
        write_cells(
            path, columns, [["" if cell is None else cell for cell in row] for row in table]
        )
        return
    import pandas

    frame = pandas.DataFrame(table, columns=list(columns))
    with whole_file(path) as unfinished:
        write_frame(frame[list(columns[1:])] if folder else frame, unfinished)
