"""The aligner beside LangGraph: as a node that updates the answer alone, and behind a graph.

A node's output is an update, which the reducers of the state add up. The whole state as an update
would count every sum and list twice, and collide with nodes of the same step. So the node gives
``{"messages": [answer]}``; the answer has the id of the draft, and takes its place.

``stream_mode="messages"`` shows no message whose id was in the state before. Where somebody listens
to such a stream, the node therefore lets a model say the answer, whose tokens are always shown.

A graph in a sequence streams the updates of its nodes, of which `streamed_whole` makes the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.base import coerce_to_runnable

from langchain_metaaligner.edit.calls import sequence_step
from langchain_metaaligner.edit.content import untouched
from langchain_metaaligner.edit.messages import messages_in
from langchain_metaaligner.edit.question import given_before
from langchain_metaaligner.edit.runs import EDITING_TAG, recorder
from langchain_metaaligner.edit.unseen import unseen
from langchain_metaaligner.errors import ShapeError

INTERRUPT = "__interrupt__"
"""The key under which LangGraph gives the interrupts of a run."""


class AlignerNode(Runnable[Any, Any]):
    """A node that corrects the answer in a graph's state, or one that is drafted inside of it.

    Args:
        aligner: what corrects a message, or a list of messages that ends in an answer.
        draft: what drafts the answer from the state, a runnable or a function. Its update comes
            out with the answer corrected, and no stream shows the draft. None where the answer is
            the last message of the state.
        key: where the messages are in the state.
    """

    def __init__(
        self, aligner: Runnable[Any, Any], draft: Any = None, key: str = "messages"
    ) -> None:
        self.name = "align"
        self._aligner, self._key = aligner, key
        self._draft = None if draft is None else coerce_to_runnable(draft)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The update of the state.

        Raises:
            ShapeError: if there are no messages in the state.
        """
        config = ensure_config(config)
        if self._draft is None:
            drafted = self._standing(input)
        else:
            drafted = self._drafted(input, self._draft.invoke(input, unseen(config)))
        if not drafted.is_answer:
            return drafted.update
        answer = _last(self._aligner.invoke(drafted.dialogue, config, **kwargs))
        if self._must_say(answer, config):
            _Speaker(message=answer).invoke([], _speaking(config))
        return drafted.corrected(answer)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The async twin of `invoke`."""
        config = ensure_config(config)
        if self._draft is None:
            drafted = self._standing(input)
        else:
            drafted = self._drafted(input, await self._draft.ainvoke(input, unseen(config)))
        if not drafted.is_answer:
            return drafted.update
        answer = _last(await self._aligner.ainvoke(drafted.dialogue, config, **kwargs))
        if self._must_say(answer, config):
            await _Speaker(message=answer).ainvoke([], _speaking(config))
        return drafted.corrected(answer)

    def _standing(self, state: Any) -> _Drafted:
        """The answer that stands in a state. Where there is none, nothing is updated."""
        messages = _messages(state, self._key)
        if messages is None:
            raise ShapeError(
                f"The state has no list of messages under {self._key!r}: {state!r:.200}. "
                "Name the key with as_node(key=...)."
            )
        drafted = _Drafted(messages[:-1], messages[-1:], self._key, isinstance(state, list))
        return drafted if drafted.is_answer else replace(drafted, messages=[])

    def _drafted(self, state: Any, update: Any) -> _Drafted:
        """The answer in the update of the node that drafts it."""
        bare = isinstance(update, BaseMessage | list)
        messages = _as_messages(update) if bare else _messages(update, self._key)
        known = {message.id or id(message) for message in messages or ()}
        before = _messages(state, self._key) or []
        return _Drafted(
            [message for message in before if (message.id or id(message)) not in known],
            messages or [],
            self._key,
            isinstance(state, list),
            None if bare else update,
        )

    def _must_say(self, answer: BaseMessage, config: RunnableConfig) -> bool:
        """Whether a stream of messages would leave out an answer that it takes for the draft."""
        handlers = getattr(config.get("callbacks"), "handlers", ())
        streamed = any(hasattr(handler, "tap_output_iter") for handler in handlers)
        return streamed and self._draft is None and answer.id is not None


@dataclass(frozen=True)
class _Drafted:
    """An answer that a node is to give, with what led to it.

    Attributes:
        before: the messages of the state before the update.
        messages: those of the update, the answer at the end.
        key: where the messages are in the state.
        is_list: whether the state is the list of messages itself.
        whole: the update that carries the messages, a dict or a `Command`; None for one that is
            made here.
    """

    before: list[BaseMessage]
    messages: list[BaseMessage]
    key: str
    is_list: bool
    whole: Any = None

    @property
    def is_answer(self) -> bool:
        """Whether the last message is an answer that can be corrected."""
        last = self.messages[-1] if self.messages else None
        return isinstance(last, AIMessage) and untouched(last) != "tool_calls"

    @property
    def dialogue(self) -> list[BaseMessage] | BaseMessage:
        """What the aligner is given; the answer alone has its question found by callbacks."""
        dialogue = [*self.before, *self.messages]
        return dialogue if len(dialogue) > 1 else dialogue[0]

    @property
    def update(self) -> Any:
        """The update with the messages as they are."""
        if self.whole is None:
            return self.messages if self.is_list else {self.key: self.messages}
        if isinstance(self.whole, Mapping):
            return {**self.whole, self.key: self.messages} if self.messages else self.whole
        if isinstance(getattr(self.whole, "update", None), Mapping) and self.messages:
            return replace(self.whole, update={**self.whole.update, self.key: self.messages})
        return self.whole

    def corrected(self, answer: BaseMessage) -> Any:
        """The update with another answer."""
        return replace(self, messages=[*self.messages[:-1], answer]).update


def _messages(state: Any, key: str) -> list[BaseMessage] | None:
    """The messages of a state, or of an update; None where there are none."""
    value = getattr(state, "update", None) if hasattr(state, "goto") else state  # a Command
    if isinstance(value, Mapping):
        return _as_messages(value.get(key))
    return _as_messages(value if isinstance(value, list) else getattr(value, key, None))


def _as_messages(value: Any) -> list[BaseMessage] | None:
    """A message or a list of them, in any form that LangChain takes for one."""
    try:
        return messages_in(value if isinstance(value, list) else [value])
    except ShapeError:
        return None


def _last(aligned: Any) -> BaseMessage:
    answer = aligned[-1] if isinstance(aligned, list) else aligned
    assert isinstance(answer, BaseMessage)
    return answer


class _Speaker(BaseChatModel):
    """A model that says a message which is there already."""

    message: BaseMessage
    cache: Any = False

    @property
    def _llm_type(self) -> str:
        return "metaaligner-answer"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        # without its usage, which the draft's own model has told of
        said = AIMessage(content=self.message.content, id=self.message.id, name=self.message.name)
        return ChatResult(generations=[ChatGeneration(message=said)])

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        said = AIMessageChunk(
            content=self.message.content,
            id=self.message.id,
            name=self.message.name,
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=said)


def _speaking(config: RunnableConfig) -> RunnableConfig:
    tags = [*(config.get("tags") or ()), EDITING_TAG]
    return {**config, "tags": tags, "run_name": "corrected answer"}


def is_state_of_node(value: Any, config: RunnableConfig | None) -> bool:
    """Whether a value is the state that LangGraph gives to a node which is the aligner itself."""
    callbacks: Any = (config or {}).get("callbacks")
    around: UUID | None = getattr(callbacks, "parent_run_id", None)
    run = recorder.runs.get(around) if around else None
    if run is None or not run.is_node or run.input is not value:
        return False
    return sequence_step(callbacks.tags) == 1 and _messages(value, "messages") is not None


def objectives_of_request(config: RunnableConfig) -> Any:
    """The objectives that a request brings: under ``configurable``, or in LangGraph's ``context``.

    The context is a dict or an object with ``objectives``, as ``graph.invoke(..., context=...)``
    takes it. None where the request brings none.
    """
    configurable = config.get("configurable") or {}
    if configurable.get("objectives") is not None:
        return configurable["objectives"]
    context = context_of_request(config)
    if isinstance(context, Mapping):
        return context.get("objectives")
    return getattr(context, "objectives", None)


def context_of_request(config: RunnableConfig) -> Any:
    """LangGraph's ``context``, a dict or an object; None outside of a graph that was given one."""
    # where LangGraph keeps its `Runtime`; its own `get_runtime` needs a context variable, which
    # async code loses on Python 3.10
    runtime = (config.get("configurable") or {}).get("__pregel_runtime")
    return getattr(runtime, "context", None)


def streamed_whole(chunks: Sequence[Any], run_id: UUID) -> Any:
    """The state at the end of a graph that streamed its nodes' updates; None for other chunks.

    Args:
        chunks: what the step before the aligner streamed.
        run_id: the aligner's run.
    """
    if not chunks or not all(isinstance(chunk, Mapping) for chunk in chunks):
        return None
    state = given_before(run_id)
    if state is None:
        return _of_updates(chunks)
    if isinstance(state, Mapping):
        if all(key in state for chunk in chunks for key in chunk):
            return None
        interrupts = [one for chunk in chunks for one in chunk.get(INTERRUPT, ())]
        return {**state, INTERRUPT: interrupts} if interrupts else state
    return state


def _of_updates(chunks: Sequence[Mapping[str, Any]]) -> Any:
    """The messages that the nodes of a graph have added, where its state is not known."""
    updates = [update for chunk in chunks for update in chunk.values()]
    added = [_messages(update, "messages") for update in updates if isinstance(update, Mapping)]
    messages = {m.id or id(m): m for some in added for m in some or ()}
    return {"messages": list(messages.values())} if messages else None
