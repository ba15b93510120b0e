"""`Aligner`: what an aligner does beside LCEL. It reads values, corrects pairs, makes nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list, run_in_executor

from langchain_metaaligner.edit import question as upstream
from langchain_metaaligner.edit.ask import aask, ask, outcome, prepare
from langchain_metaaligner.edit.exchange import Question, read, read_question
from langchain_metaaligner.edit.fields import exchange_of, prepare_fields, read_structure
from langchain_metaaligner.edit.node import AlignerNode, objectives_of_request
from langchain_metaaligner.edit.options import AlignerSettings
from langchain_metaaligner.edit.places import Places
from langchain_metaaligner.edit.plan import Edit
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.requests import requested_objectives
from langchain_metaaligner.edit.resolved import EditOptions
from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.objectives import Objective, distinct_objectives

T = TypeVar("T")
Pairs = Sequence[tuple[Question, str | AIMessage]]
Config = RunnableConfig | None
Configs = RunnableConfig | list[RunnableConfig] | None
RunManager = CallbackManagerForChainRun | AsyncCallbackManagerForChainRun


class Aligner(AlignerSettings):
    """The base of `MetaAlignerRunnable`, whose interface to LCEL stands there."""

    def _renew(self) -> None:
        super()._renew()
        upstream.watch(self)  # prompts are captured from now on, for ``llm | aligner``

    def warm_up(self) -> Alignment:
        """Load the model and the gate, and run one edit, so that no request waits for that.

        A service calls it before it says that it is ready. No time limit applies.

        Returns:
            The record of that edit, whatever came of it.

        Raises:
            Exception: what the model, a check or the gate raised, whatever ``on_failure`` says.
        """
        options = self._without_limits()
        edit = prepare(WARM_UP, {}, options)
        ask([edit], options)
        return _or_raised(edit)

    async def awarm_up(self) -> Alignment:
        """The async twin of `warm_up`."""
        options = await run_in_executor(None, self._without_limits)
        edit = await run_in_executor(None, prepare, WARM_UP, {}, options)
        await aask([edit], options)
        return _or_raised(edit)

    def _without_limits(self) -> EditOptions:
        return replace(self.options, timeout=None, places=Places(), on_failure="original")

    def as_node(self, draft: Any = None, *, key: str = "messages") -> Runnable[Any, Any]:
        """A node for a LangGraph graph, which updates the answer and nothing else.

        Without ``draft`` it corrects the last message of the state and gives
        ``{"messages": [answer]}``; the answer has the id of the draft, so that ``add_messages``
        puts it in the draft's place. Turns that call tools stay as they are.

        Args:
            draft: a chain or a function that makes the draft from the state, as a node would. The
                two are then one node, whose draft no stream shows and no checkpoint keeps.
            key: where the messages are in the state.

        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> from langchain_metaaligner import MetaAlignerRunnable
        >>> from langchain_metaaligner.testing import FakeAlignerLLM
        >>> editor = FakeAlignerLLM(lambda prompt: "It scatters blue light most.")
        >>> node = MetaAlignerRunnable(objectives=["helpful"], llm=editor).as_node()
        >>> state = {"messages": [HumanMessage("Why is it blue?"), AIMessage("Look!")], "tokens": 7}
        >>> [message.text for message in node.invoke(state)["messages"]]
        ['It scatters blue light most.']
        """
        return AlignerNode(self, draft, key)

    def align(
        self, question: Question, answer: str | AIMessage, config: Config = None
    ) -> Alignment:
        """Correct one answer to a question that is given along with it.

        Args:
            question: the question as a string, a dialogue in the data set's markup, or messages.
            answer: the draft.
            config: as for ``invoke``.

        Raises:
            EditRejectedError: if the edit fails, under ``on_failure="raise"``.
        """
        return self.align_batch([(question, answer)], config)[0]

    def align_batch(
        self, pairs: Pairs, config: Configs = None, *, return_exceptions: bool = False
    ) -> list[Alignment]:
        """Correct many (question, answer) pairs in one call of the model; see `align`.

        Args:
            pairs: the questions and drafts.
            config: one for all pairs, or one for each.
            return_exceptions: whether an error stands in the place of its pair, instead of ending
                the batch.
        """
        edits = self._pairs_prepared(pairs, config)
        ask(edits, self.options)
        return self._outcomes(edits, return_exceptions)

    async def aalign(
        self, question: Question, answer: str | AIMessage, config: Config = None
    ) -> Alignment:
        """The async twin of `align`."""
        return (await self.aalign_batch([(question, answer)], config))[0]

    async def aalign_batch(
        self, pairs: Pairs, config: Configs = None, *, return_exceptions: bool = False
    ) -> list[Alignment]:
        """The async twin of `align_batch`."""
        edits = await run_in_executor(None, self._pairs_prepared, pairs, config)
        await aask(edits, self.options)
        return self._outcomes(edits, return_exceptions)

    def _pairs_prepared(self, pairs: Pairs, config: Configs) -> list[Edit | Exception]:
        configs = get_config_list(config, len(pairs))
        return [
            or_error(self._pair_prepared, question, answer, its_config)
            for (question, answer), its_config in zip(pairs, configs, strict=True)
        ]

    def _pair_prepared(
        self, question: Question, answer: str | AIMessage, config: RunnableConfig
    ) -> Edit:
        exchange = replace(read(answer), question=read_question(question))
        return prepare(exchange, config, self._options_of(config))

    def _outcomes(self, edits: Sequence[Edit | Exception], return_exceptions: bool) -> list[Any]:
        outcomes = [or_error(outcome, edit, self.options) for edit in edits]
        for one in outcomes:
            if isinstance(one, Exception) and not return_exceptions:
                raise one
        return outcomes

    def _all_prepared(
        self,
        values: Sequence[Any],
        run_managers: Sequence[RunManager],
        configs: Sequence[RunnableConfig],
        objectives: Any,
    ) -> list[Edit | Exception]:
        rows = zip(values, run_managers, configs, strict=True)
        return [or_error(self._prepared, *row, objectives) for row in rows]

    def _prepared(
        self, value: Any, run_manager: RunManager, config: RunnableConfig, objectives: Any
    ) -> Edit:
        options = self._options_of(config, objectives)
        structure = read_structure(value, options.fields, options.keys)
        exchange = exchange_of(structure, options.keys) if structure else read(value, options.keys)
        if exchange.question is None and not exchange.untouched:
            question = upstream.find(run_manager.run_id, exchange.found_by)
            exchange = replace(exchange, question=question)
        if structure is None:
            edit = prepare(exchange, config, options)
        else:
            edit = prepare_fields(structure, exchange, lambda one: prepare(one, config, options))
        edit.run = run_manager
        return edit

    def requested(self, config: RunnableConfig) -> tuple[Objective, ...] | None:
        """The objectives that a request asks for; None where it leaves them to the aligner.

        Raises:
            ObjectiveError: if it may not ask for them.
        """
        value = objectives_of_request(config)
        if value is None:
            return None
        return requested_objectives(value, self.objectives, self.request_objectives)

    def _options_of(self, config: RunnableConfig, objectives: Any = None) -> EditOptions:
        """The options of one call, whose objectives its code or its request may choose."""
        if objectives is not None:
            return self.options.towards(distinct_objectives(objectives))
        requested = self.requested(config)
        return self.options if requested is None else self.options.towards(requested)

    def _written(self, edit: Edit) -> Any:
        return edit.shape.write(outcome(edit, self.options))


WARM_UP = replace(read("Nine minutes, obviously."), question="How long do I boil an egg?")
"""What is edited to warm an aligner up."""


def _or_raised(edit: Edit) -> Alignment:
    if edit.error is not None:
        raise edit.error
    return edit.record


def or_error(function: Callable[..., T], *args: Any) -> T | Exception:
    """What a function gives for one row of a batch, or the error in its place."""
    if isinstance(args[0], Exception):
        return args[0]
    try:
        return function(*args)
    except MetaAlignerError as error:
        return error
