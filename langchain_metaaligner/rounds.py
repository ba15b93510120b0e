"""One round with the model: the answers of a call, asked together and settled one by one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.alignment import Alignment
from langchain_metaaligner.editing import (
    TOO_LONG,
    UNTOUCHED,
    Brief,
    CompletionReport,
    EditPlan,
    Fits,
    conclude,
    failure,
    keep,
    plan,
)
from langchain_metaaligner.errors import EditRejectedError, MetaAlignerError
from langchain_metaaligner.exchange import Exchange
from langchain_metaaligner.models.base import EditingLLM, no_inherited_limit
from langchain_metaaligner.objectives import parse_objectives
from langchain_metaaligner.settings import AlignerSettings
from langchain_metaaligner.upstream import EDITING_TAG

logger = logging.getLogger("langchain_metaaligner")


@dataclass
class Job:
    """One answer on its way.

    Attributes:
        exchange: where the answer came from and goes back to.
        planned: the edit prompt; None for an answer that is not to be edited.
        config: the config of the call that brought it.
        alignment: the record, once the answer is settled.
    """

    exchange: Exchange
    planned: EditPlan | None
    config: RunnableConfig
    alignment: Alignment | None = None
    completion: CompletionReport = field(default_factory=CompletionReport)

    @property
    def prompt(self) -> str:
        """The edit prompt of an answer that is not settled yet."""
        assert self.planned is not None
        assert self.planned.prompt is not None
        return self.planned.prompt

    def model_config(self) -> RunnableConfig:
        """The config for the model: under the caller's run, tagged, and heard by `completion`."""
        return {
            **self.config,
            "callbacks": _heard_by(self.completion, self.config.get("callbacks")),
            "tags": [*(self.config.get("tags") or ()), EDITING_TAG],
        }

    def settle(self, output: Any, seconds: float, settings: AlignerSettings) -> None:
        """Take the model's output, or the exception in its place, as the outcome.

        Raises:
            MetaAlignerError: if the output is a mistake of the caller, such as a missing model.
        """
        assert self.planned is not None
        if isinstance(output, MetaAlignerError):
            raise output
        text = output.text if isinstance(output, BaseMessage) else output
        if isinstance(text, str):
            self.alignment = conclude(
                self.planned, text, self.completion, seconds, settings.preserve, settings.checks
            )
        else:
            error = text if isinstance(text, BaseException) else _no_text(text)
            self.alignment = self.planned.keep(failure(error), seconds=seconds)

    def outcome(self, settings: AlignerSettings) -> Alignment:
        """The record of a settled answer.

        Raises:
            EditRejectedError: if the edit failed, under ``on_failure="raise"``.
        """
        assert self.alignment is not None
        if self.alignment.decision == "kept" and not self.exchange.untouched:
            logger.info("Draft kept (%s): %s", self.alignment.reason, self.alignment.detail)
            if settings.on_failure == "raise":
                raise EditRejectedError(self.alignment)
        return self.alignment


def job_for(exchange: Exchange, config: RunnableConfig, settings: AlignerSettings) -> Job:
    """The job of one answer: planned, or settled at once where there is nothing to ask.

    Raises:
        ObjectiveError: if the request's own objectives cannot be used.
        MissingQuestionError: if the question is blank.
    """
    asked = (config.get("configurable") or {}).get("objectives")
    objectives = parse_objectives(settings.objectives if asked is None else asked)
    brief = Brief(
        exchange.question or "",
        exchange.answer,
        exchange.context,
        objectives,
        settings.edit_template,
        settings.editor_name,
    )
    if exchange.untouched:
        return Job(exchange, None, config, keep(brief, UNTOUCHED[exchange.untouched]))
    try:
        planned = plan(brief, _fits_of(settings.editor))
    except MetaAlignerError:
        raise
    except Exception as error:  # the model's tokenizer: a failing model leaves the draft
        return Job(exchange, None, config, keep(brief, failure(error)))
    settled = planned.keep(TOO_LONG) if planned.prompt is None else None
    return Job(exchange, planned, config, settled)


def _fits_of(editor: Any) -> Fits:
    """Of a model that is not ours, the context is not known."""
    return editor.fits if isinstance(editor, EditingLLM) else lambda prompt, answer: True


def ask(jobs: Sequence[Job | Exception], settings: AlignerSettings) -> None:
    """Settle every open job in one call of the model."""
    with _Round(jobs, settings) as todo, no_inherited_limit():
        if todo.prompts:
            todo.outputs = settings.editor.batch(todo.prompts, todo.configs, return_exceptions=True)


async def aask(jobs: Sequence[Job | Exception], settings: AlignerSettings) -> None:
    """The async twin of `ask`."""
    with _Round(jobs, settings) as todo, no_inherited_limit():
        if todo.prompts:
            todo.outputs = await settings.editor.abatch(
                todo.prompts, todo.configs, return_exceptions=True
            )


class _Round:
    """The open jobs of a call; they are settled on leaving, all with the time of the call."""

    def __init__(self, jobs: Sequence[Job | Exception], settings: AlignerSettings) -> None:
        self._open = [job for job in jobs if isinstance(job, Job) and job.alignment is None]
        self._settings = settings
        self.prompts = [job.prompt for job in self._open]
        self.configs = [job.model_config() for job in self._open]
        self.outputs: Sequence[Any] = ()

    def __enter__(self) -> _Round:
        self._started = time.perf_counter()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        outputs = self.outputs
        if error is None and len(outputs) != len(self._open):
            error = ValueError(f"The model gave {len(outputs)} texts for {len(self._open)}.")
        if error is not None:
            outputs = [error] * len(self._open)
        seconds = time.perf_counter() - self._started
        for job, output in zip(self._open, outputs, strict=True):
            job.settle(output, seconds, self._settings)
        return True


def _no_text(output: Any) -> TypeError:
    return TypeError(f"The model gave a {type(output).__name__} and no text: {output!r:.200}")


def _heard_by(handler: BaseCallbackHandler, callbacks: Any) -> Any:
    if hasattr(callbacks, "add_handler"):
        manager: CallbackManager = callbacks.copy()
        manager.add_handler(handler, inherit=True)
        return manager
    return [*(callbacks or ()), handler]
