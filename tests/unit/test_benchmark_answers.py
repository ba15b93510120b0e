"""The benchmark's own answers: many, clean, and of the lengths that are measured."""

import json
from pathlib import Path

from langchain_metaaligner.data.synthetic.sentences import is_clean, sentences

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "benchmarks" / "answers.jsonl")
    .read_text()
    .splitlines()
]


def test_there_are_at_least_150():
    assert len({row["question"] for row in ROWS}) >= 150
    assert len({row["answer"] for row in ROWS}) == len(ROWS)


def test_no_sentence_is_one_that_an_edit_would_touch():
    for row in ROWS:
        found = [sentence for sentence, _ in sentences(row["answer"]) if sentence.strip()]
        assert len(set(found)) == len(found)
        assert all(map(is_clean, found)), row["question"]
