"""Short real records, in the forms in which HH-RLHF and UltraFeedback are published."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
from stand_ins import rated

SHORTEST = 3  # words of a question or an answer
LONGEST = {"hh-rlhf": 100, "ultrafeedback": 160}


def write_records(texts: Path, folder: Path, dataset: str, rows: int, tested: int) -> None:
    """Write ``train.jsonl`` and ``test.jsonl``, with no question in both."""
    found = {_question(one): one for one in _RECORDS[dataset](texts)}
    if len(found) < 2 * tested:
        raise SystemExit(f"{texts} has {len(found)} short records of {dataset}; give more texts.")
    chosen = [found[question] for question in sorted(found)]
    random.Random(0).shuffle(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("test", chosen[:tested]), ("train", chosen[tested : tested + rows])):
        lines = (json.dumps(record) + "\n" for record in part)
        (folder / f"{name}.jsonl").write_text("".join(lines))


def _dialogues(texts: Path) -> Iterator[dict[str, Any]]:
    for record in _lines(texts):
        if {"chosen", "rejected"} <= record.keys():
            before, _, better = record["chosen"].rpartition("\n\nAssistant:")
            other, _, worse = record["rejected"].rpartition("\n\nAssistant:")
            if before == other and _short("hh-rlhf", before, better, worse):
                yield {"chosen": record["chosen"], "rejected": record["rejected"]}


def _rated(texts: Path) -> Iterator[dict[str, Any]]:
    """Rated records where there are some, else pairs of real answers that rules rate."""
    published = [one for one in _lines(texts) if {"instruction", "completions"} <= one.keys()]
    for one in published:
        answers = [answer["response"] for answer in one["completions"]]
        if _short("ultrafeedback", one["instruction"], *answers):
            yield one
    if published:
        return
    for path in sorted(texts.rglob("UltraFeedback/*.csv")):
        table = pandas.read_csv(path, keep_default_na=False, escapechar="\\", dtype=str)
        for query, *answers in table[["query", "goldens", "generated_text"]].itertuples(False):
            if (
                _short("ultrafeedback", query, *answers)
                and answers[0].strip() != answers[1].strip()
            ):
                completions = [rated(query, answer) for answer in answers]
                yield {"instruction": query, "completions": completions}


def _lines(texts: Path) -> Iterator[dict[str, Any]]:
    for path in sorted([*texts.rglob("*.jsonl"), *texts.rglob("*.jsonl.gz")]):
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        yield from map(json.loads, text.splitlines())


def _short(dataset: str, *texts: str) -> bool:
    return all(SHORTEST <= len(text.split()) <= LONGEST[dataset] for text in texts)


def _question(record: dict[str, Any]) -> str:
    return str(record.get("instruction") or record["chosen"].rpartition("\n\nAssistant:")[0])


_RECORDS = {"hh-rlhf": _dialogues, "ultrafeedback": _rated}
