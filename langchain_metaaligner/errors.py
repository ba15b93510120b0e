"""Everything that this package raises on purpose.

    MetaAlignerError
    ├── ObjectiveError          (ValueError)   an objective that is unknown, empty or malformed
    ├── TemplateError           (ValueError)   a template that does not exist
    ├── SettingError            (ValueError)   any other option with a value that cannot work
    ├── DataError               (ValueError)   a file of training data that cannot be read or used
    ├── RecipeError             (ValueError)   a training recipe that cannot be carried out
    ├── PolicyError             (ValueError)   a policy file that cannot be read or used
    ├── LedgerError             (OSError)      the ledger of a long run cannot be read or written
    ├── CheckpointError         (OSError)      a model that cannot be found, read or used
    ├── CallError               (RuntimeError) a served model whose calls fail, now or for good
    ├── MissingExtraError       (ImportError)  an optional dependency that is not installed
    ├── ShapeError              (ValueError)   a value from the chain that cannot be read
    │   └── MissingQuestionError               an answer whose question cannot be known
    └── EditRejectedError       (RuntimeError) an edit that failed, under ``on_failure="raise"``

All but the last are mistakes of the caller and are always raised. `EditRejectedError` is raised
only on request: by default the draft stands, and its `Alignment` says why.

Each says whether the same call can succeed another time (``retryable``), and what to do next
(``hint``). All of them can be pickled, and so come out of other processes as they were raised.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from langchain_metaaligner.edit.record import Alignment


class MetaAlignerError(Exception):
    """Base of every error of this package.

    Attributes:
        retryable: whether the same call can succeed another time, with nothing changed.
        hint: what to do next.
    """

    retryable: bool = False
    hint: str = "Read the message: it says what was given and what is allowed."


class ObjectiveError(MetaAlignerError, ValueError):
    """An objective that is unknown, empty or malformed."""

    hint = 'Name a known objective (`metaaligner objectives`), or write "Name: description".'


class TemplateError(MetaAlignerError, ValueError):
    """An edit template that does not exist."""

    hint = 'Use "HH-RLHF", "UltraFeedback" or "IMHI", or leave template="auto".'


class SettingError(MetaAlignerError, ValueError):
    """An option whose value cannot work."""

    hint = "Change the option that the message names."


class DataError(MetaAlignerError, ValueError):
    """A file of training data that cannot be read, or holds what was to be refused."""

    hint = "Mend the file where the message points, or choose another."


class RecipeError(MetaAlignerError, ValueError):
    """A training recipe that cannot be read, or asks for what cannot be done."""

    hint = "Change the recipe where the message points."


class PolicyError(MetaAlignerError, ValueError):
    """A policy file that cannot be read, or asks for what there is not."""

    hint = (
        "Change the file at the line that the message names; `metaaligner policy check` reads it."
    )


class LedgerError(MetaAlignerError, OSError):
    """A ledger that another run holds, that has other settings, or that cannot be written."""

    hint = "Wait for the other run, choose another output, or delete the ledger to start anew."


class CheckpointError(MetaAlignerError, OSError):
    """A model that cannot be found, read, or used as an aligner.

    Args:
        message: what is wrong, and what to do.
        retryable: whether another try can help, such as after an outage of the Hub.
    """

    hint = "Check the name, the folder's files, and the connection to the Hub."

    def __init__(self, message: str = "", *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class CallError(MetaAlignerError, RuntimeError):
    """A model behind a server whose calls fail: for good, or too often in a row to go on."""


class MissingExtraError(MetaAlignerError, ImportError):
    """An optional dependency that is not installed; the message names the ``pip install``."""

    hint = "Install the extra that the message names."

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed. "
            f"Install them with: pip install 'langchain-metaaligner[{extra}]'"
        )
        self._given = (feature, extra)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled: by what it was made of."""
        return type(self), self._given


class ShapeError(MetaAlignerError, ValueError):
    """A value from the chain in which no answer can be read."""

    hint = "Put a step before the aligner that gives one of the shapes in the message."


class MissingQuestionError(ShapeError):
    """An answer whose question cannot be known, under ``on_missing_question="raise"``.

    It is never guessed.
    """

    hint = 'Pass the question with the answer: {"question": ..., "answer": ...}.'


class EditRejectedError(MetaAlignerError, RuntimeError):
    """An edit that failed, raised only under ``on_failure="raise"``.

    Attributes:
        alignment: the record of the failed edit; ``alignment.original`` is the draft.
        retryable: True where something failed on the way, took too long, or there was no place; a
            refused edit comes again.
    """

    hint = "Show .alignment.original, another answer, or none; .alignment.reason says what failed."

    def __init__(self, alignment: Alignment) -> None:
        super().__init__(
            f"The edit was not accepted ({alignment.reason}): {alignment.detail} "
            "The draft is in .alignment.original."
        )
        self.alignment = alignment
        self.retryable = alignment.reason in ("error", "timeout", "busy")

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled: by its record."""
        return type(self), (self.alignment,)


class LateError(Exception):
    """What is not there when its time is over; it stays inside of this package.

    Attributes:
        made: of a call for several prompts, each prompt with what was made of it in time, or None.
    """

    def __init__(self, made: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__("The time is over.")
        self.made = tuple(made)


OF_A_MODEL = (
    "device", "dtype", "device_map", "quantization", "batch_size", "max_new_tokens", "revision",
    "generation", "decoding",
)  # fmt: skip
"""Options of `AlignerLLM` that are easily given to the runnable around it."""


def nearest(given: str, known: Iterable[str]) -> str:
    """The hint `` Did you mean 'x'?`` for the known word closest to ``given``, or nothing.

    >>> nearest("harmles", ["harmless", "helpful"])
    " Did you mean 'harmless'?"
    >>> nearest("zzz", ["harmless", "helpful"])
    ''
    """
    lowered = {word.lower(): word for word in known}
    close = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.5)
    return f" Did you mean '{lowered[close[0]]}'?" if close else ""


@contextmanager
def plain_validation(owner: type[BaseModel]) -> Iterator[None]:
    """Turns pydantic's report on the options of ``owner`` into one plain error of this package.

    Raises:
        MetaAlignerError: the error that a validator raised, or else a `SettingError`.
    """
    try:
        yield
    except ValidationError as report:
        first = report.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, MetaAlignerError):
            # a copy: pydantic's report holds the cause, and a cause whose traceback led back to the
            # report would never be freed, nor would the objects in its frames
            raise copy.copy(cause) from None
        raise SettingError(_setting_message(owner, first)) from None


def _setting_message(owner: type[BaseModel], problem: ErrorDetails) -> str:
    option = ".".join(map(str, problem["loc"]))
    fields = sorted(owner.model_fields)
    if problem["type"] == "extra_forbidden" and option in OF_A_MODEL and "model_kwargs" in fields:
        return (
            f"{owner.__name__} has no option {option!r}, which is one of its model. "
            f"Give model_kwargs={{{option!r}: {problem['input']!r:.60}}}."
        )
    if problem["type"] == "extra_forbidden":
        return (
            f"{owner.__name__} has no option {option!r}.{nearest(option, fields)} "
            f"Its options: {', '.join(fields)}."
        )
    if problem["type"] == "missing":
        return f"{owner.__name__} needs {option}=. Its options: {', '.join(fields)}."
    return f"{owner.__name__}: {option}={problem['input']!r:.200} cannot be used: {problem['msg']}."
