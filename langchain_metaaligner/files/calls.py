"""Many calls of a language model: several at a time, repeated only where that can help.

What can never succeed, such as a call with a wrong key, is not tried again, and a model that fails
the same way call after call is not asked any more: what was answered is kept, and a run that is
started again goes on from there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.runnables import RunnableConfig, RunnableLambda
from pydantic import ValidationError
from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from langchain_metaaligner.errors import (
    CallError,
    MetaAlignerError,
    MissingExtraError,
    SettingError,
)
from langchain_metaaligner.tables.ledger import Failure, Outcome

STOP_AFTER = 10
"""Equal failures in a row after which nothing more is asked."""
STOP_AFTER_REFUSALS = 100
"""The same for requests that the server refuses, each perhaps for a fault of its own."""

_TRANSIENT = {408, 409, 425, 429}
_REFUSED = {400, 413, 422}
_FOR_GOOD = {401, 402, 404}
_HOPELESS = (ImportError, NotImplementedError, AttributeError, NameError)
_SECRET = re.compile(r"key|token$|secret|password|credential|headers")
_SHAPELESS = {"max_retries", "timeout", "request_timeout", "rate_limiter", "verbose", "streaming"}

Unit = TypeVar("Unit")


def call_all(
    call: Callable[[Unit], Mapping[str, Any]],
    units: Sequence[Unit],
    *,
    concurrency: int = 8,
    tries: int = 5,
) -> Iterator[tuple[int, Outcome]]:
    """Make a call for each unit, several at the same time; what `Ledger.complete` asks for.

    Args:
        call: makes one call, and gives the record of its reply.
        units: what is asked, one call each.
        concurrency: calls under way at the same time.
        tries: how often one call is made, at most; the pauses between grow.

    Yields:
        The place of a unit, and its record or failure, as calls end.

    Raises:
        CallError: when no call can succeed (a wrong key, an unknown model), or many fail in a row
            in the same way. Calls that wait are not made then.
    """
    ended = threading.Event()
    retrying = Retrying(
        stop=stop_after_attempt(tries) | stop_when_event_set(ended),
        wait=wait_random_exponential(0.2, 20),
        sleep=sleep_using_event(ended),
        retry=retry_if_exception(can_help),
        reraise=True,
    )

    def patient(unit: Unit) -> Mapping[str, Any] | None:
        if ended.is_set():
            return None
        try:
            return retrying.copy()(call, unit)
        except Exception as error:  # one call must not cost the others, which were paid for
            if ends_all(error):
                ended.set()  # here, so that no other thread asks in vain
            raise

    calls: RunnableLambda[Any, Any] = RunnableLambda(patient, name="call")
    config: RunnableConfig = {"max_concurrency": concurrency}
    failures = _Failures()
    outcomes = calls.batch_as_completed(units, config, return_exceptions=True)
    try:
        for place, outcome in outcomes:
            if isinstance(outcome, Exception):
                if failures.add(outcome):
                    ended.set()  # what is under way is waited for: it is paid
                yield place, Failure(reason(outcome))
            elif outcome is not None:
                failures.clear()
                yield place, outcome
    finally:
        ended.set()
        outcomes.close()  # type: ignore[attr-defined]
    if failures.end is not None:
        raise failures.end


class _Failures:
    """Failures in a row, and the error that they end the run with.

    Attributes:
        end: None as long as other calls may succeed.
    """

    def __init__(self) -> None:
        self.end: CallError | None = None
        self._kind = ""
        self._number = 0

    def clear(self) -> None:
        self._number = 0

    def add(self, error: Exception) -> bool:
        """Whether nothing more is to be asked."""
        text = reason(error)
        kind = re.sub(r"\d+|[0-9a-f]{8,}", "", text)
        self._number = self._number + 1 if kind == self._kind else 1
        self._kind = kind
        if self.end is not None:
            return True
        most = STOP_AFTER_REFUSALS if status_of(error) in _REFUSED else STOP_AFTER
        if ends_all(error):
            self.end = CallError(
                f"No call can succeed: {text} Mend that (the key, the model's name, the account, "
                "the installation), and run the same command again: it goes on from here."
            )
        elif self._number >= most:
            self.end = CallError(
                f"{self._number} calls in a row failed in the same way: {text} Nothing more is "
                "asked. What was answered is kept, and the same command goes on from there."
            )
        if self.end is not None:
            self.end.__cause__ = error
        return self.end is not None


def ends_all(error: BaseException) -> bool:
    """Whether a call that failed so says that no other call can succeed either.

    >>> ends_all(ImportError("no such package")), ends_all(TimeoutError())
    (True, False)
    """
    if isinstance(error, MetaAlignerError | ImportError):
        return not can_help(error)
    return status_of(error) in _FOR_GOOD or _chain_has(error, "insufficient_quota")


def can_help(error: BaseException) -> bool:
    """Whether a call that failed so may succeed when it is made again.

    A server's status tells where there is one: 429 and 5xx pass, other 4xx do not. Of our own
    errors those marked ``retryable`` may; what is wrong in the program or the installation cannot.

    >>> can_help(TimeoutError()), can_help(ImportError("no such package"))
    (True, False)
    """
    if isinstance(error, MetaAlignerError):
        return bool(getattr(error, "retryable", False))
    if isinstance(error, _HOPELESS) or _chain_has(error, "insufficient_quota"):
        return False
    status = status_of(error)
    return status is None or status in _TRANSIENT or not 400 <= status < 500


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status of an error of any provider's client, also where another one hides it."""
    while error is not None:
        response = getattr(error, "response", None)
        for holder, name in ((error, "status_code"), (response, "status_code"), (error, "code")):
            if isinstance(status := getattr(holder, name, None), int):
                return status
        error = error.__cause__
    return None


def reason(error: BaseException) -> str:
    """An error in a line: its kind and its text, at most 300 characters.

    >>> reason(ValueError("no  lines"))
    'ValueError: no lines'
    """
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 300 else f"{line[:299]}…"


def chat_model(name: str, **options: Any) -> BaseChatModel:
    """A chat model by its ``init_chat_model`` name, such as "openai:gpt-4o".

    Args:
        name: provider and model.
        **options: of the model, such as ``base_url``.

    Raises:
        MissingExtraError: if langchain is not installed.
        SettingError: if the provider is unknown, its package is not installed, or its client
            refuses to be made, most often for want of a key.
    """
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        raise MissingExtraError("A chat model by name", "eval") from error
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except Exception as error:  # each provider's client raises errors of its own
        raise SettingError(f"The model {name!r} cannot be made: {_refusal(error)}") from error
    return model


def _refusal(error: Exception) -> str:
    """What a client's constructor did not take, without the values that it was given."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        return f"{option + ': ' if option else ''}{first['msg']}. Give another value for it."
    text = " ".join(str(error).split())
    if isinstance(error, ImportError):
        return text if text.endswith((".", "`")) else f"{text}."
    if "api_key" in text.lower() or "credentials" in text.lower():
        return f"{text} Set the provider's environment variable, or give api_key=KEY as an option."
    return text


def answer_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model's options those that shape its answers, for the settings of a ledger.

    Keys and other secrets are left out, and so is what only shapes how calls are made.

    >>> answer_options({"api_key": "sk-1", "temperature": 0.0, "max_retries": 2})
    {'temperature': 0.0}
    """
    return {
        name: value
        for name, value in options.items()
        if name not in _SHAPELESS and not _SECRET.search(name.lower())
    }


def _chain_has(error: BaseException | None, code: str) -> bool:
    while error is not None:
        if code in (getattr(error, "code", None), getattr(error, "type", None)):
            return True
        error = error.__cause__
    return False
