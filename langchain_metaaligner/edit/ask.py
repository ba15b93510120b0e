"""One round with the model: the answers of a call, asked together and settled one by one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.checks import Refusal
from langchain_metaaligner.edit.exchange import Exchange
from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.edit.plan import (
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
from langchain_metaaligner.edit.question import EDITING_TAG
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import EditRejectedError, MetaAlignerError
from langchain_metaaligner.models.editing_llm import EditingLLM, no_inherited_limit
from langchain_metaaligner.objectives import parse_objectives

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

    def model_config(self, report: CompletionReport | None = None) -> RunnableConfig:
        """The config for the model: under the caller's run, tagged, and heard by a report."""
        heard_by = self.completion if report is None else report
        return {
            **self.config,
            "callbacks": _heard_by(heard_by, self.config.get("callbacks")),
            "tags": [*(self.config.get("tags") or ()), EDITING_TAG],
        }

    def settle(self, output: Any, seconds: float, settings: AlignerSettings) -> None:
        """Take the model's output, or the exception in its place, as the outcome.

        Raises:
            MetaAlignerError: if the output is a mistake of the caller, such as a missing model.
        """
        self.alignment = self.concluded(output, self.completion, seconds, settings)

    def concluded(
        self, output: Any, completion: CompletionReport, seconds: float, settings: AlignerSettings
    ) -> Alignment:
        """The record that one output of the model, or an exception in its place, leads to.

        Raises:
            MetaAlignerError: as `settle`.
        """
        assert self.planned is not None
        if isinstance(output, MetaAlignerError):
            raise output
        text = output.text if isinstance(output, BaseMessage) else output
        if isinstance(text, str):
            return conclude(
                self.planned, text, completion, seconds, settings.preserve, settings.checks
            )
        error = text if isinstance(text, BaseException) else _no_text(text)
        return self.planned.keep(failure(error), seconds=seconds)

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
        self._tries = [
            (job, CompletionReport()) for job in self._open for _ in range(settings.candidates)
        ]
        self.prompts = [job.prompt for job, _ in self._tries]
        self.configs = [job.model_config(report) for job, report in self._tries]
        self.outputs: Sequence[Any] = ()

    def __enter__(self) -> _Round:
        self._started = time.perf_counter()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        outputs = self.outputs
        if error is None and len(outputs) != len(self._tries):
            error = ValueError(f"The model gave {len(outputs)} texts for {len(self._tries)}.")
        if error is not None:
            outputs = [error] * len(self._tries)
        seconds = time.perf_counter() - self._started
        records = [
            job.concluded(output, report, seconds, self._settings)
            for (job, report), output in zip(self._tries, outputs, strict=True)
        ]
        several = self._settings.candidates
        for at, job in enumerate(self._open):
            job.alignment = records[at * several]
        if self._settings.gate is not None:
            groups = [records[at * several : (at + 1) * several] for at in range(len(self._open))]
            gated(self._open, groups, self._settings.gate)
        return True


def gated(jobs: Sequence[Job], records: Sequence[Sequence[Alignment]], gate: RewardGate) -> None:
    """Let a gate choose among the edits of each job; all are scored together.

    Raises:
        MetaAlignerError: if the gate's weights do not fit its scorer.
    """
    edits = [[one for one in group if one.decision != "kept"] for group in records]
    pairs = [
        (job.alignment.question, text)
        for job, group in zip(jobs, edits, strict=True)
        if group and job.alignment
        for text in (job.alignment.original, *(one.text for one in group))
    ]
    if not pairs:
        return
    try:
        found = iter(gate.scorer.score_all(pairs))
        scores = [[next(found) for _ in range(len(group) + 1)] if group else [] for group in edits]
        chosen = [gate.choose(one[0], one[1:]) if one else None for one in scores]
    except MetaAlignerError:
        raise
    except Exception as error:  # a scorer that fails must not cost the user the draft
        for job, group in zip(jobs, edits, strict=True):
            if group:
                job.alignment = _refused(group[0], failure(error), None)
        return
    for job, group, choice in zip(jobs, edits, chosen, strict=True):
        if choice is not None:
            best, refusal, told = choice
            job.alignment = (
                replace(group[best], scores=told)
                if refusal is None
                else _refused(group[best], refusal, told)
            )


def _refused(edit: Alignment, refusal: Refusal, scores: dict[str, Any] | None) -> Alignment:
    return replace(
        edit,
        text=edit.original,
        decision="kept",
        reason=refusal.reason,
        detail=refusal.detail,
        rejected=edit.text,
        scores=scores,
    )


def _no_text(output: Any) -> TypeError:
    return TypeError(f"The model gave a {type(output).__name__} and no text: {output!r:.200}")


def _heard_by(handler: BaseCallbackHandler, callbacks: Any) -> Any:
    if hasattr(callbacks, "add_handler"):
        manager: CallbackManager = callbacks.copy()
        manager.add_handler(handler, inherit=True)
        return manager
    return [*(callbacks or ()), handler]
