"""`MetaAlignerMiddleware`: the agent face, for LangChain's ``create_agent``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import Parameter, Signature, signature
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from typing_extensions import Unpack

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
        record: what of the record goes into the message. The agent stores and streams its
            messages, and other middlewares redact their content alone: "slim" holds no text, and
            "full" the draft too.
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

    def __init__(self, **options: Unpack[MiddlewareOptions]) -> None:
        super().__init__()
        record = options.pop("record", "slim")
        if record not in ("full", "slim"):
            raise SettingError(f"record is {record!r}. Give 'full' or 'slim'.")
        if options.get("streaming", "checked") != "checked":
            raise SettingError(
                f"streaming={options['streaming']!r} has no effect in an agent, whose final turn "
                "is shown whole once it is checked. Leave it out."
            )
        self._name = options.pop("name", "MetaAlignerMiddleware")
        self._slim = record == "slim"
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
        answer = aligned[-1]
        if self._slim:
            about = answer.response_metadata
            slim = Alignment(**about["metaaligner"]).slim_record()
            about = {**about, "metaaligner": slim}
            answer = answer.model_copy(update={"response_metadata": about})
        return replace(response, result=[*response.result[:-1], answer])


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
