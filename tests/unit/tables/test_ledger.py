import errno
import json
import os
import threading
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_metaaligner.errors import LedgerError
from langchain_metaaligner.tables.ledger import Failure, Ledger

SETTINGS = {"model": "mini", "objectives": ["harmless"]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "out.ledger.jsonl"


def written(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_was_added_is_found_by_a_later_run(path):
    with Ledger(path, SETTINGS) as ledger:
        key = ledger.key("q", "a")
        assert ledger.find(key) is None
        ledger.add(key, {"text": "b"})
        assert ledger.find(key)["text"] == "b"
    with Ledger(path, SETTINGS) as ledger:
        assert ledger.find(key) == {"key": key, "settings": SETTINGS, "text": "b"}
        assert len(ledger) == 1


def test_a_line_is_written_for_each_unit(path):
    with Ledger(path, SETTINGS) as ledger:
        ledger.add_all((ledger.key(n), {"n": n}) for n in range(5))
    assert [line["n"] for line in written(path)] == [0, 1, 2, 3, 4]


def test_keys_differ_by_content_and_by_settings(tmp_path):
    with Ledger(tmp_path / "a", SETTINGS) as one, Ledger(tmp_path / "b", {"model": "x"}) as other:
        assert one.key("ab", "c") != one.key("a", "bc")
        assert one.key("a") != other.key("a")


def test_a_failure_is_kept_and_tried_again(path):
    with Ledger(path, SETTINGS) as ledger:
        ledger.add_failure("k", "timeout")
        assert ledger.find("k") is None
    with Ledger(path, SETTINGS) as ledger:
        assert ledger.find("k") is None
        ledger.add("k", {"text": "b"})
    with Ledger(path, SETTINGS) as ledger:
        assert ledger.find("k")["text"] == "b"
        assert [line.get("failed") for line in ledger.lines()] == ["timeout", None]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_removed_and_nothing_else(path, cut):
    with Ledger(path, SETTINGS) as ledger:
        ledger.add("one", {"text": "1"})
        ledger.add("two", {"text": "2"})
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    with Ledger(path, SETTINGS) as ledger:
        assert ledger.find("one")["text"] == "1"
        assert ledger.find("two") is None
        ledger.add("two", {"text": "2 again"})
    assert [line["text"] for line in written(path)] == ["1", "2 again"]


def test_a_broken_line_within_is_named(path):
    path.parent.mkdir()
    path.write_text("not json\n")
    with pytest.raises(LedgerError, match=r"Line 1 of .* is no line of a ledger"):
        Ledger(path, SETTINGS)


def test_other_settings_are_refused_and_named(path):
    with Ledger(path, SETTINGS) as ledger:
        ledger.add("k", {})
    with pytest.raises(LedgerError, match="model: 'mini' there, 'other' here"):
        Ledger(path, {**SETTINGS, "model": "other"})
    with Ledger(path, SETTINGS) as ledger:
        assert len(ledger) == 1


def _hold(path, held, done):
    with Ledger(path, SETTINGS):
        held.set()
        done.wait(30)


def test_a_second_process_is_refused_while_the_first_runs(path):
    context = get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(path, held, done))
    other.start()
    assert held.wait(60)
    with pytest.raises(LedgerError, match="open in another run"):
        Ledger(path, SETTINGS)
    done.set()
    other.join()
    Ledger(path, SETTINGS).close()


def test_a_second_ledger_in_this_process_is_refused(path):
    with Ledger(path, SETTINGS), pytest.raises(LedgerError, match="open in another run"):
        Ledger(path, SETTINGS)


def test_a_full_disk_is_told_and_leaves_whole_lines(path, monkeypatch):
    with Ledger(path, SETTINGS) as ledger:
        ledger.add("one", {"text": "1"})
        with monkeypatch.context() as patch:

            def full(_):
                raise OSError(errno.ENOSPC, "No space left on device")

            patch.setattr(os, "fsync", full)
            with pytest.raises(LedgerError, match="No space left on device"):
                ledger.add("two", {"text": "2"})
        assert ledger.find("two") is None
        ledger.add("three", {"text": "3"})
        assert ledger.find("one")["text"] == "1"
    assert [line["key"] for line in written(path)] == ["one", "three"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_device_that_is_really_full():
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger("/dev/full/out.jsonl", SETTINGS)


def test_many_threads_write_whole_lines(path):
    with Ledger(path, SETTINGS) as ledger:

        def work(worker):
            for n in range(50):
                key = ledger.key(worker, n)
                ledger.add(key, {"n": [worker, n]})
                assert ledger.find(key)["n"] == [worker, n]

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ledger) == 400
    assert len(path.read_text().splitlines()) == 400


@given(text=st.text(st.characters()), key=st.text(min_size=1))
def test_any_text_survives(tmp_path_factory, text, key):
    path = tmp_path_factory.mktemp("ledger") / "l.jsonl"
    with Ledger(path, SETTINGS) as ledger:
        ledger.add(key, {"text": text})
    with Ledger(path, SETTINGS) as ledger:
        assert ledger.find(ledger.find(key)["key"])["text"] == text


class TestComplete:
    @staticmethod
    def make(seen):
        def work(missing):
            for at, unit in enumerate(missing):
                seen.append(unit)
                yield at, Failure("the server is away") if unit == "bad" else {"text": unit.upper()}

        return work

    def run(self, path, units, **options):
        seen = []
        with Ledger(path, {}) as ledger:
            made = ledger.complete(units, self.make(seen), lambda unit: [unit], **options)
        return seen, [it if isinstance(it, Failure) else it["text"] for it in made]

    def test_makes_what_is_missing_once_and_in_order(self, tmp_path):
        path = tmp_path / "a.jsonl"
        assert self.run(path, ["a", "b", "a"]) == (["a", "b"], ["A", "B", "A"])
        assert self.run(path, ["c", "b", "a"]) == (["c"], ["C", "B", "A"])
        assert self.run(path, ["c", "a"]) == ([], ["C", "A"])

    def test_tries_a_failure_again(self, tmp_path):
        path = tmp_path / "a.jsonl"
        failure = Failure("the server is away")
        assert self.run(path, ["bad", "a"], together=5) == (["bad", "a"], [failure, "A"])
        assert self.run(path, ["bad", "a"]) == (["bad"], [failure, "A"])

    def test_what_was_made_before_an_error_is_on_the_disk(self, tmp_path):
        def work(missing):
            yield 0, {"text": "A"}
            raise KeyboardInterrupt

        path = tmp_path / "a.jsonl"
        with Ledger(path, {}) as ledger, pytest.raises(KeyboardInterrupt):
            ledger.complete(["a", "b"], work, lambda unit: [unit])
        assert self.run(path, ["a", "b"]) == (["b"], ["A", "B"])
