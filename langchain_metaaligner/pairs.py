"""Answers corrected without a chain: `PairAligner`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list, run_in_executor

from langchain_metaaligner.edit.ask import Job, aask, ask, job_for
from langchain_metaaligner.edit.exchange import Question, read, read_question
from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.edit.record import Alignment


class PairAligner(AlignerSettings):
    """Corrects answers to questions that are given along with them."""

    def align(
        self, question: Question, answer: str | AIMessage, config: RunnableConfig | None = None
    ) -> Alignment:
        """Correct one answer.

        Args:
            question: the question as a string, a dialogue in the data set's markup, or messages.
            answer: the draft.
            config: as for ``invoke``.

        Raises:
            MissingQuestionError: if the question is blank.
            EditRejectedError: if the edit fails, under ``on_failure="raise"``.
        """
        return self.align_batch([(question, answer)], config)[0]

    def align_batch(
        self,
        pairs: Sequence[tuple[Question, str | AIMessage]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
    ) -> list[Alignment]:
        """Correct many (question, answer) pairs in one call of the model; see `align`."""
        jobs = self._pair_jobs(pairs, config)
        ask(jobs, self)
        return [job.outcome(self) for job in jobs]

    async def aalign(
        self, question: Question, answer: str | AIMessage, config: RunnableConfig | None = None
    ) -> Alignment:
        """The async twin of `align`."""
        return (await self.aalign_batch([(question, answer)], config))[0]

    async def aalign_batch(
        self,
        pairs: Sequence[tuple[Question, str | AIMessage]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
    ) -> list[Alignment]:
        """The async twin of `align_batch`."""
        jobs = await run_in_executor(None, self._pair_jobs, pairs, config)
        await aask(jobs, self)
        return [job.outcome(self) for job in jobs]

    def _pair_jobs(
        self,
        pairs: Sequence[tuple[Question, str | AIMessage]],
        config: RunnableConfig | list[RunnableConfig] | None,
    ) -> list[Job]:
        configs = get_config_list(config, len(pairs))
        exchanges = [
            replace(read(answer), question=read_question(question)) for question, answer in pairs
        ]
        return [job_for(*row, self) for row in zip(exchanges, configs, strict=True)]
