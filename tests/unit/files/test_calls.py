"""Many calls of a served model: what is repeated, what ends the run, what is kept."""

import threading
import time

import httpx
import pytest

from langchain_metaaligner.errors import CallError, MissingExtraError, SettingError
from langchain_metaaligner.files import calls
from langchain_metaaligner.files.calls import (
    answer_options,
    call_all,
    can_help,
    chat_model,
    reason,
    status_of,
)
from langchain_metaaligner.tables.ledger import Failure, Ledger


class RefusedError(Exception):
    """As providers' clients raise it."""

    def __init__(self, status, code=None):
        super().__init__(f"Error code: {status}")
        self.status_code, self.code = status, code


class WrappedError(Exception):
    """As integrations raise it around the client's."""


def wrapped(error):
    outer = WrappedError("the call failed")
    outer.__cause__ = error
    return outer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(calls, "wait_random_exponential", lambda *_: lambda state: 0)


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (RefusedError(429), True),
        (RefusedError(500), True),
        (RefusedError(503), True),
        (RefusedError(408), True),
        (RefusedError(400), False),
        (RefusedError(401), False),
        (RefusedError(404), False),
        (RefusedError(429, "insufficient_quota"), False),
        (wrapped(RefusedError(401)), False),
        (wrapped(RefusedError(502)), True),
        (TimeoutError(), True),
        (ConnectionError(), True),
        (ValueError("no JSON"), True),
        (SettingError("no such option"), False),
        (MissingExtraError("x", "eval"), False),
        (ImportError("no package"), False),
    ],
)
def test_what_may_succeed_is_repeated(error, helps):
    assert can_help(error) is helps
    tried = []

    def call(unit):
        tried.append(unit)
        raise error

    assert next(call_all(call, ["a"], tries=3)) == (0, Failure(reason(error)))
    assert len(tried) == (3 if helps else 1)


def test_the_status_of_an_http_client():
    response = httpx.Response(402, request=httpx.Request("GET", "http://x"))
    error = httpx.HTTPStatusError("pay", request=response.request, response=response)
    assert status_of(wrapped(error)) == 402


@pytest.mark.parametrize("status", [401, 402, 404])
def test_a_wrong_key_is_tried_once_and_ends_the_run(status):
    tried = []

    def call(unit):
        tried.append(unit)
        raise RefusedError(status)

    with pytest.raises(CallError, match=r"No call can succeed: RefusedError: Error code"):
        list(call_all(call, list(range(1000)), concurrency=2))
    assert len(tried) <= 2


def test_equal_failures_in_a_row_end_the_run():
    tried = []

    def call(unit):
        tried.append(unit)
        time.sleep(0.001)
        raise ConnectionError(f"no route from port {40_000 + unit}")

    with pytest.raises(CallError, match="10 calls in a row failed in the same way"):
        list(call_all(call, list(range(1000)), concurrency=2, tries=1))
    assert len(tried) < 500


def test_failures_between_successes_cost_only_their_rows():
    def call(unit):
        if unit % 2:
            raise ConnectionError("lost")
        return {"text": str(unit)}

    outcomes = dict(call_all(call, list(range(100)), concurrency=1, tries=1))
    assert outcomes[0] == {"text": "0"}
    assert sum(isinstance(outcome, Failure) for outcome in outcomes.values()) == 50


def test_requests_that_are_refused_one_by_one_do_not_end_the_run_at_once():
    def call(unit):
        if unit < 50:
            raise RefusedError(400)  # too long, perhaps, and the later ones are not
        return {"text": "fine"}

    outcomes = dict(call_all(call, list(range(60)), concurrency=1, tries=1))
    assert outcomes[59] == {"text": "fine"}


def test_what_was_answered_before_the_end_is_kept(tmp_path):
    def call(unit):
        if unit > 4:
            raise RefusedError(401)
        return {"text": str(unit)}

    with Ledger(tmp_path / "l.jsonl", {}) as ledger, pytest.raises(CallError):
        ledger.complete(
            list(range(50)), lambda units: call_all(call, units, concurrency=1), lambda unit: [unit]
        )
    with Ledger(tmp_path / "l.jsonl", {}) as ledger:
        assert len(ledger) == 5  # all that were paid


def test_no_more_than_asked_run_together():
    running, most = [], []

    def call(unit):
        running.append(unit)
        most.append(len(running))
        time.sleep(0.005)
        running.remove(unit)
        return {"text": ""}

    assert len(list(call_all(call, list(range(40)), concurrency=3))) == 40
    assert 1 < max(most) <= 3


def test_who_stops_listening_does_not_wait_for_pauses(monkeypatch):
    monkeypatch.setattr(calls, "wait_random_exponential", lambda *_: lambda state: 60)
    answered = threading.Event()

    def call(unit):
        if unit:
            answered.wait(10)
            raise ConnectionError("again in a minute")
        answered.set()
        return {"text": "first"}

    start = time.monotonic()
    outcomes = call_all(call, list(range(8)), concurrency=4)
    assert next(outcomes) == (0, {"text": "first"})
    outcomes.close()
    assert time.monotonic() - start < 30


def test_reasons_are_one_line_of_bounded_length():
    assert reason(ValueError("a\n  b")) == "ValueError: a b"
    assert len(reason(ValueError("x" * 5000))) == 300


def test_secrets_and_what_shapes_no_answer_are_no_settings():
    options = {
        "api_key": "sk-1", "temperature": 0.5, "base_url": "http://x", "max_tokens": 9,
        "default_headers": {"Authorization": "sk-2"}, "timeout": 9, "max_retries": 0,
    }  # fmt: skip
    assert answer_options(options) == {"temperature": 0.5, "base_url": "http://x", "max_tokens": 9}


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("openai:gpt-4o", {}, "OPENAI_API_KEY"),
        ("nosuch:thing", {}, "nosuch"),
        ("anthropic:claude", {}, "pip install langchain-anthropic"),
        ("openai:gpt-4o", {"api_key": "sk-secret", "temperature": "hot"}, "temperature: .*number"),
    ],
)
def test_a_model_that_cannot_be_made_is_one_sentence(monkeypatch, name, options, says):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SettingError, match=says) as caught:
        chat_model(name, **options)
    assert "sk-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
