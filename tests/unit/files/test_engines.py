"""Rows of a window in this process: each is known when it is done."""

import threading

import pytest

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.files.align import align_file
from langchain_metaaligner.files.drafts import open_table
from langchain_metaaligner.files.engines import LocalEngine, settings_of
from langchain_metaaligner.testing import FakeAlignerLLM


class SharingLLM(FakeAlignerLLM):
    """Answers calls as they come, as a model does that shares its forward passes."""

    share_batches: bool = True
    batch_size: int = 4


def engine(function, llm=SharingLLM):
    return LocalEngine(MetaAlignerRunnable(objectives=["fair"], llm=llm(function)))


def test_a_row_does_not_wait_for_a_slower_one():
    others_done = threading.Event()

    def edit(prompt):
        if "slow" in prompt:
            assert others_done.wait(timeout=30)
        return "better"

    places = []
    for place, record in engine(edit)([("q?", "slow"), ("q?", "a"), ("q?", "b")]):
        places.append(place)
        assert record["text"] == "better"
        if len(places) == 2:
            others_done.set()
    assert (set(places[:2]), places[2]) == ({1, 2}, 0)


def test_another_model_gets_all_rows_in_one_call():
    asked = FakeAlignerLLM(lambda prompt: "better")
    records = dict(
        LocalEngine(MetaAlignerRunnable(objectives=["fair"], llm=asked))([("q?", "a"), ("q?", "b")])
    )
    assert sorted(records) == [0, 1]
    assert [len(call) for call in asked.calls] == [2]


def test_rows_that_have_not_begun_are_left_when_nobody_waits():
    begun = []

    def edit(prompt):
        begun.append(prompt)
        return "better"

    rows = engine(edit)([("q?", f"draft {n}") for n in range(500)])
    next(rows)
    rows.close()
    assert len(begun) < 500


def test_progress_is_told_row_by_row(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("query,answer\n" + "".join(f"q{n},a{n}\n" for n in range(5)) + "q,\n")
    aligning = engine(lambda prompt: "better")
    steps = []
    for _ in range(2):
        align_file(
            open_table(str(source)),
            tmp_path / "out.csv",
            aligning,
            settings_of(aligning._aligner),
            progress=steps.append,
        )
    assert [step for step in steps if step] == [1, 1, 1, 1, 1, 1, 6]


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_a_row_is_written_down_a_second_later_at_the_latest(tmp_path, seconds, monkeypatch):
    from langchain_metaaligner.tables import ledger as ledgers

    clock = iter(range(10**6))
    monkeypatch.setattr(ledgers.time, "monotonic", lambda: seconds * next(clock))
    lines = []

    def make(missing):
        for place in range(len(missing)):
            yield place, {"text": "x"}
            lines.append(path.read_text().count("\n"))

    path = tmp_path / "ledger.jsonl"
    with ledgers.Ledger(path, {}) as ledger:
        ledger.complete(["a", "b", "c"], make, content=lambda unit: [unit], together=32)
    assert lines == ([1, 2, 3] if seconds else [0, 0, 0])
    assert path.read_text().count("\n") == 3
