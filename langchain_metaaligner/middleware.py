"""`MetaAlignerMiddleware`: the agent face, for LangChain's ``create_agent``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import Parameter, Signature, signature
from typing import Any, cast
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from typing_extensions import Self, Unpack

from langchain_metaaligner.edit.content import text_of
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.signature import MiddlewareOptions, RunnableOptions
from langchain_metaaligner.edit.unseen import runs_unseen
from langchain_metaaligner.errors import MissingExtraError, SettingError
from langchain_metaaligner.runnable import MetaAlignerRunnable

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError as missing:
    raise MissingExtraError("MetaAlignerMiddleware", "agents") from missing


class MetaAlignerMiddleware(AgentMiddleware[Any, Any, Any]):
    """Corrects an agent's final answer before anyone sees it.

    Turns that call tools and structured responses pass as they are. The model's runs are tagged
    ``nostream``, so that no draft shows in ``stream_mode="messages"``; the corrected message does.

    Args:
        name: the middleware's name in the agent, which must be unique there.
        record: what of the record goes into the message, "full", "slim" or "none". The agent
            stores and streams its messages: "slim" holds no text, "full" the draft too, once all
            other middlewares have seen the answer and none has changed it.
        options: those of `MetaAlignerRunnable`.

    Raises:
        SettingError: if an option cannot be used; see `MetaAlignerRunnable` for other errors.

    >>> from langchain.agents import create_agent
    >>> from langchain_core.language_models import FakeListChatModel
    >>> from langchain_metaaligner.testing import FakeAlignerLLM
    >>> editor = FakeAlignerLLM(lambda prompt: "It scatters blue light most.")
    >>> agent = create_agent(
    ...     FakeListChatModel(responses=["Look it up."]),
    ...     middleware=[MetaAlignerMiddleware(objectives=["helpful"], llm=editor)],
    ... )
    >>> agent.invoke({"messages": [("human", "Why is the sky blue?")]})["messages"][-1].content
    'It scatters blue light most.'
    """

    def __new__(cls, **options: Unpack[MiddlewareOptions]) -> Self:
        """One with a hook at the end of the agent, where the record is to be whole."""
        if cls is MetaAlignerMiddleware and options.get("record") == "full":
            return cast("Self", object.__new__(_FullRecordMiddleware))
        return object.__new__(cls)

    def __init__(self, **options: Unpack[MiddlewareOptions]) -> None:
        super().__init__()
        options.setdefault("record", "slim")
        if options.get("record_key") is not None:
            raise SettingError(
                f"record_key={options['record_key']!r} has no effect in an agent, whose messages "
                "carry the record. Leave it out."
            )
        if options.get("streaming", "checked") != "checked":
            raise SettingError(
                f"streaming={options['streaming']!r} has no effect in an agent, whose final turn "
                "is shown whole once it is checked. Leave it out."
            )
        self._name = options.pop("name", "MetaAlignerMiddleware")
        self.aligner = MetaAlignerRunnable(**cast("RunnableOptions", options))

    def __repr__(self) -> str:
        """The options of its aligner."""
        return repr(self.aligner).replace(type(self.aligner).__name__, type(self).__name__, 1)

    @property
    def name(self) -> str:
        """The middleware's name in the agent."""
        return self._name

    def warm_up(self) -> Alignment:
        """Load the model and run one edit; see `MetaAlignerRunnable.warm_up`."""
        return self.aligner.warm_up()

    async def awarm_up(self) -> Alignment:
        """The async twin of `warm_up`."""
        return await self.aligner.awarm_up()

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Correct what the model answers, unless it calls tools or fills a structure."""
        with runs_unseen():
            response = handler(request)
            if not _is_final(response):
                return response
            return self._aligned(response, self.aligner.invoke(_dialogue(request, response)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """The async twin of `wrap_model_call`."""
        with runs_unseen():
            response = await handler(request)
            if not _is_final(response):
                return response
            aligned = await self.aligner.ainvoke(_dialogue(request, response))
            return self._aligned(response, aligned)

    def _aligned(
        self, response: ModelResponse[Any], aligned: list[BaseMessage]
    ) -> ModelResponse[Any]:
        return replace(response, result=[*response.result[:-1], self._recorded(aligned[-1])])

    def _recorded(self, answer: BaseMessage) -> BaseMessage:
        """The answer as it enters the agent's state."""
        return answer


class _FullRecordMiddleware(MetaAlignerMiddleware):
    """The same under ``record="full"``: a record is whole once every middleware saw the answer.

    Hooks of others may redact the answer after the model's turn. Until the agent is done its record
    is slim, and it stays so where the text is no longer the one that we gave.
    """

    def __init__(self, **options: Unpack[MiddlewareOptions]) -> None:
        super().__init__(**options)
        self._records: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def _recorded(self, answer: BaseMessage) -> BaseMessage:
        record = answer.response_metadata["metaaligner"]
        answer = answer.model_copy(update={"id": answer.id or f"lc_{uuid4()}"})
        self._records[str(answer.id)] = record
        while len(self._records) > REMEMBERED:
            self._records.popitem(last=False)
        return _with_record(answer, Alignment(**record).slim_record())

    def after_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Put the record into the answer, as far as it was seen last."""
        answer = state["messages"][-1] if state["messages"] else None
        record = self._records.pop(str(getattr(answer, "id", None)), None)
        if record is None or text_of(answer.content) != record["text"]:
            return None
        return {"messages": [_with_record(answer, record)]}


REMEMBERED = 10_000
"""Whole records of answers whose agents are not done yet."""


def _with_record(answer: BaseMessage, record: dict[str, Any]) -> BaseMessage:
    about = {**answer.response_metadata, "metaaligner": record}
    return answer.model_copy(update={"response_metadata": about})


def _signature() -> Signature:
    """The options by name, for those who ask at run time, as notebooks do."""
    own = [
        Parameter("name", Parameter.KEYWORD_ONLY, default="MetaAlignerMiddleware", annotation=str),
        Parameter(
            "record",
            Parameter.KEYWORD_ONLY,
            default="slim",
            annotation=MiddlewareOptions.__annotations__["record"],
        ),
    ]
    shared = signature(MetaAlignerRunnable).parameters.values()
    return Signature([one for one in shared if one.name not in ("name", "record")] + own)


MetaAlignerMiddleware.__signature__ = _signature()  # type: ignore[attr-defined]


def _is_final(response: ModelResponse[Any]) -> bool:
    answer = response.result[-1] if response.result else None
    return (
        response.structured_response is None
        and isinstance(answer, AIMessage)
        and not (answer.tool_calls or answer.invalid_tool_calls)
    )


def _dialogue(request: ModelRequest[Any], response: ModelResponse[Any]) -> list[BaseMessage]:
    """The turns that led to the answer, and the answer.

    Where a middleware has trimmed the request to the last results of tools, the question stands in
    the agent's state alone. A summary of older turns is no question, though a human turn by type.
    """
    messages = request.messages
    if not any(isinstance(m, HumanMessage) and not _is_summary(m) for m in messages):
        messages = request.state.get("messages", messages)
    turns = [SystemMessage(m.content) if _is_summary(m) else m for m in messages]
    return [*turns, response.result[-1]]


def _is_summary(message: BaseMessage) -> bool:
    """Whether LangChain's ``SummarizationMiddleware`` has written a message."""
    return message.additional_kwargs.get("lc_source") == "summarization"
