"""`MetaAlignerRunnable`: the LCEL face."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor
from langchain_core.runnables.utils import ConfigurableFieldSpec
from typing_extensions import Unpack

from langchain_metaaligner.edit.aligner import Aligner, Config, Configs, RunManager, or_error
from langchain_metaaligner.edit.ask import aask, ask
from langchain_metaaligner.edit.node import is_state_of_node, streamed_whole
from langchain_metaaligner.edit.signature import Objectives as Named
from langchain_metaaligner.edit.signature import RunnableOptions
from langchain_metaaligner.edit.stream import added_up, astream_edit, stream_edit
from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.policy.aligner import PolicyAligner

Objectives = Named | None


class MetaAlignerRunnable(Aligner):
    """Corrects the answer that a chain's model gave, on the objectives that you name.

    It takes what a model, parser, agent or RAG chain gives, and gives back the same shape with the
    answer edited: a string, an AI message, a list of messages, ``{"messages": [...]}``, or a dict
    with a question and an answer. The question is found by itself behind ``llm | aligner``. An
    edit that fails a check is dropped and the draft stands; the record of a message is in
    ``response_metadata["metaaligner"]``.

    Setup:
        ``pip install langchain-metaaligner``

    Instantiate:
        >>> from langchain_metaaligner.testing import FakeAlignerLLM
        >>> editor = FakeAlignerLLM(lambda prompt: "It scatters blue light most.")
        >>> aligner = MetaAlignerRunnable(objectives=["harmless", "helpful"], llm=editor)

    Invoke:
        >>> aligner.invoke({"question": "Why is the sky blue?", "answer": "Look it up."})
        {'question': 'Why is the sky blue?', 'answer': 'It scatters blue light most.'}

    In a chain:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> chain = FakeListChatModel(responses=["Look it up."]) | aligner
        >>> chain.invoke("Why is the sky blue?").content
        'It scatters blue light most.'

    Stream:
        >>> "|".join(chunk.content for chunk in chain.stream("Why is the sky blue?"))
        'It |scatters |blue |light |most.|'

    Without a chain:
        >>> aligner.align("Why is the sky blue?", "Look it up.").decision
        'edited'

    One request with objectives of its own:
        >>> _ = chain.invoke("Why?", {"configurable": {"objectives": ["fair"]}})
        >>> "Fairness: the response" in editor.calls[-1][0]
        True

    Raises:
        ObjectiveError: if an objective is unknown, or none is given.
        TemplateError: if there is no such template.
        CheckpointError: if the model cannot be found or loaded.
        SettingError: if any other option cannot be used.
    """

    def __init__(self, **options: Unpack[RunnableOptions]) -> None:
        super().__init__(**options)

    @classmethod
    def from_policy(cls, path: Path | str) -> PolicyAligner:
        """An aligner that does what a policy file says, for each request what its rules say.

        Args:
            path: a YAML file; see ``docs/policy.md``. It is read again when it has changed.

        Raises:
            PolicyError: if the file cannot be read, or a policy cannot be carried out; the message
                names the line.
        """
        return PolicyAligner(path, cls)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Chains with an aligner can be dumped and loaded."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where LangChain finds the class when it loads a dumped chain."""
        return ["langchain_metaaligner", "runnable"]

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What a request may set: ``objectives``, for that call alone."""
        return [
            ConfigurableFieldSpec(
                id="objectives",
                annotation=list[str] | None,
                name="Objectives",
                description="Objectives of this request, instead of the aligner's own.",
                default=None,
            )
        ]

    def invoke(
        self,
        input: Any,
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> Any:
        """The value with its answer corrected, in the shape in which it came.

        Args:
            input: the value.
            config: as for any runnable.
            objectives: those of this call, instead of the aligner's own; also by ``.bind``.
            **kwargs: there are no others.

        Raises:
            ShapeError: if no answer can be read from the value.
            MissingQuestionError: if its question cannot be known, under
                ``on_missing_question="raise"``.
            EditRejectedError: if the edit fails, under ``on_failure="raise"``.
        """
        _refuse(kwargs)

        def edit(value: Any, run_manager: RunManager, config: RunnableConfig) -> Any:
            answer = self._prepared(value, run_manager, config, objectives)
            ask([answer], self.options)
            return self._written(answer)

        if is_state_of_node(input, config):
            return self.as_node().invoke(input, config, objectives=objectives)
        return self._call_with_config(edit, input, config)

    async def ainvoke(
        self,
        input: Any,
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> Any:
        """The async twin of `invoke`."""
        _refuse(kwargs)

        async def edit(value: Any, run_manager: RunManager, config: RunnableConfig) -> Any:
            answer = await run_in_executor(
                None, self._prepared, value, run_manager, config, objectives
            )
            await aask([answer], self.options)
            return self._written(answer)

        if is_state_of_node(input, config):
            return await self.as_node().ainvoke(input, config, objectives=objectives)
        return await self._acall_with_config(edit, input, config)

    def batch(
        self,
        inputs: list[Any],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Many values in one call of the model, whatever ``max_concurrency`` says.

        With an `AlignerLLM` the batch is one generation. Another LangChain model gets all prompts
        in calls of as many as ``max_concurrency`` says.
        """
        _refuse(kwargs)

        def edit(
            values: list[Any],
            run_manager: list[CallbackManagerForChainRun],
            config: list[RunnableConfig],
        ) -> list[Any]:
            answers = self._all_prepared(values, run_manager, config, objectives)
            ask(answers, self.options)
            return [or_error(self._written, answer) for answer in answers]

        return self._batch_with_config(edit, inputs, config, return_exceptions=return_exceptions)

    async def abatch(
        self,
        inputs: list[Any],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> list[Any]:
        """The async twin of `batch`."""
        _refuse(kwargs)

        async def edit(
            values: list[Any],
            run_manager: list[AsyncCallbackManagerForChainRun],
            config: list[RunnableConfig],
        ) -> list[Any]:
            answers = await run_in_executor(
                None, self._all_prepared, values, run_manager, config, objectives
            )
            await aask(answers, self.options)
            return [or_error(self._written, answer) for answer in answers]

        return await self._abatch_with_config(
            edit, inputs, config, return_exceptions=return_exceptions
        )

    def stream(
        self,
        input: Any,
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Pieces of the corrected value; they add up to what ``invoke`` gives."""
        if is_state_of_node(input, config):
            yield self.as_node().invoke(input, config, objectives=objectives)
        else:
            yield from self.transform(iter([input]), config, objectives=objectives, **kwargs)

    def transform(
        self,
        input: Iterator[Any],
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """The same, for a value that itself comes in pieces."""
        _refuse(kwargs)

        def edit(
            chunks: Iterator[Any], run_manager: RunManager, config: RunnableConfig
        ) -> Iterator[Any]:
            for value in _values(list(chunks), run_manager):
                answer = self._prepared(value, run_manager, config, objectives)
                yield from stream_edit(answer, self.options)

        yield from self._transform_stream_with_config(input, edit, config)

    async def astream(
        self,
        input: Any,
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> AsyncGenerator[Any, None]:
        """The async twin of `stream`."""

        async def one() -> AsyncIterator[Any]:
            yield input

        if is_state_of_node(input, config):
            yield await self.as_node().ainvoke(input, config, objectives=objectives)
            return
        async with aclosing(
            self.atransform(one(), config, objectives=objectives, **kwargs)
        ) as chunks:
            async for chunk in chunks:
                yield chunk

    async def atransform(
        self,
        input: AsyncIterator[Any],
        config: Config = None,
        *,
        objectives: Objectives = None,
        **kwargs: Any,
    ) -> AsyncGenerator[Any, None]:
        """The async twin of `transform`."""
        _refuse(kwargs)

        async def edit(
            chunks: AsyncIterator[Any], run_manager: RunManager, config: RunnableConfig
        ) -> AsyncIterator[Any]:
            for value in _values([chunk async for chunk in chunks], run_manager):
                answer = await run_in_executor(
                    None, self._prepared, value, run_manager, config, objectives
                )
                async with aclosing(astream_edit(answer, self.options)) as pieces:
                    async for piece in pieces:
                        yield piece

        made: Any = self._atransform_stream_with_config(input, edit, config)
        async with aclosing(made) as chunks:  # where the reader goes, its place is free at once
            async for chunk in chunks:
                yield chunk


def _refuse(unknown: dict[str, Any]) -> None:
    if unknown:
        raise SettingError(
            f"A call takes no option {next(iter(unknown))!r}, only objectives=[...] for itself. "
            "All other options are given to MetaAlignerRunnable(...)."
        )


def _values(chunks: list[Any], run_manager: RunManager) -> list[Any]:
    """The one value that came in pieces; none for no pieces."""
    state = streamed_whole(chunks, run_manager.run_id)
    return added_up(chunks) if state is None else [state]
