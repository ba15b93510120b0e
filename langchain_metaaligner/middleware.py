"""`MetaAlignerMiddleware`: the agent face, for LangChain's ``create_agent``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables.config import ensure_config
from typing_extensions import Self, Unpack

from langchain_metaaligner.edit.carried import changed_texts, with_replaced
from langchain_metaaligner.edit.content import text_of
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.edit.signature import MiddlewareOptions, RunnableOptions
from langchain_metaaligner.edit.speaker import Speaker, speaking
from langchain_metaaligner.edit.unseen import runs_unseen
from langchain_metaaligner.edit.withheld import runs_withheld
from langchain_metaaligner.errors import MissingExtraError, SettingError
from langchain_metaaligner.policy.aligner import PolicyAligner
from langchain_metaaligner.runnable import MetaAlignerRunnable

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError as missing:
    raise MissingExtraError("MetaAlignerMiddleware", "agents") from missing


class MetaAlignerMiddleware(AgentMiddleware[Any, Any, Any]):
    """Corrects an agent's final answer before anyone sees it.

    Turns that call tools and structured responses pass as they are, with their tokens. No draft
    shows in ``stream_mode="messages"``: the corrected answer does, word by word once it is checked,
    or with ``streaming="live"`` as it is written.

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
        self._name = options.pop("name", "MetaAlignerMiddleware")
        self._level = options["record"]
        self.aligner: MetaAlignerRunnable | PolicyAligner = MetaAlignerRunnable(
            **cast("RunnableOptions", options)
        )

    @classmethod
    def from_policy(
        cls,
        path: Path | str,
        *,
        name: str = "MetaAlignerMiddleware",
        record: Literal["full", "slim", "none"] = "slim",
    ) -> Self:
        """A middleware that does what a policy file says, for each request what its rules say.

        Args:
            path: a YAML file; see ``docs/policy.md``. It is read again when it has changed.
            name: the middleware's name in the agent.
            record: what of the record goes into the message.

        Raises:
            PolicyError: if the file cannot be read, a policy cannot be carried out, or policies
                differ in what an agent has one of: ``fields``, ``question_key``, ``answer_key``.
        """
        by_policy = MetaAlignerRunnable.from_policy(path)
        by_policy.require_alike("fields", "question_key", "answer_key")
        document = by_policy.policies.document
        # what the middleware does itself goes by the default policy
        middleware = cls(name=name, record=record, **document.options(document.fallback))
        middleware.aligner = by_policy
        return middleware

    def __repr__(self) -> str:
        """The options of its aligner."""
        shown = repr(self.aligner).replace(", record='slim'", "")
        return shown.replace(type(self.aligner).__name__, MetaAlignerMiddleware.__name__, 1)

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
        self.aligner.requested(ensure_config())  # a mistake is told before the model runs
        with runs_withheld(self._tools_shown(request)) as withheld:
            response = handler(request)
        if self.aligner.fields and response.structured_response is not None:
            with runs_unseen():
                whole = self.aligner.invoke(_state(request, response))
            return with_structure(response, whole["structured_response"])
        if not _is_final(response):
            withheld.show()
            return response
        if not withheld.streams:
            with runs_unseen():
                aligned = self.aligner.invoke(_dialogue(request, response))
            return _with_answer(response, self._recorded(aligned[-1]))
        draft = _with_id(response.result[-1])
        chunks = self.aligner.stream(self._pair(request, draft))
        speaker = Speaker(chunks=(piece for chunk in chunks for piece in self._pieces(chunk)))
        speaker.invoke([], speaking())
        return _with_answer(response, _in_place_of(draft, speaker.said))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """The async twin of `wrap_model_call`."""
        self.aligner.requested(ensure_config())  # a mistake is told before the model runs
        with runs_withheld(self._tools_shown(request)) as withheld:
            response = await handler(request)
        if self.aligner.fields and response.structured_response is not None:
            with runs_unseen():
                whole = await self.aligner.ainvoke(_state(request, response))
            return with_structure(response, whole["structured_response"])
        if not _is_final(response):
            withheld.show()
            return response
        if not withheld.streams:
            with runs_unseen():
                aligned = await self.aligner.ainvoke(_dialogue(request, response))
            return _with_answer(response, self._recorded(aligned[-1]))
        draft = _with_id(response.result[-1])
        chunks = self.aligner.astream(self._pair(request, draft))
        pieces = (piece async for chunk in chunks for piece in self._pieces(chunk))
        speaker = Speaker(chunks=pieces)
        await speaker.ainvoke([], speaking())
        return _with_answer(response, _in_place_of(draft, speaker.said))

    def _tools_shown(self, request: ModelRequest[Any]) -> list[str] | None:
        """The tools whose calls are shown: not those that carry a structured answer to edit."""
        if not self.aligner.fields or request.response_format is None:
            return None
        return [str(getattr(tool, "name", "")) for tool in request.tools]

    @property
    def _answer_key(self) -> str:
        return self.aligner.answer_key or "answer"

    def _pieces(self, chunk: Mapping[str, Any]) -> Iterator[BaseMessage]:
        if self._answer_key in chunk:
            yield self._recorded(chunk[self._answer_key])

    def _pair(self, request: ModelRequest[Any], draft: BaseMessage) -> dict[str, Any]:
        """The answer with what led to it, in the form whose answer streams in pieces."""
        turns = _turns(request)
        asked = {self.aligner.question_key or "question": turns} if turns else {}
        return {**asked, self._answer_key: draft}

    def _recorded(self, message: BaseMessage) -> BaseMessage:
        """The message with as much of the record as is to be stored and shown by now."""
        record = message.response_metadata.get("metaaligner")
        if record is None or "original" not in record:
            return message
        return _with_record(message, Alignment(**record).at(self._level))


class _FullRecordMiddleware(MetaAlignerMiddleware):
    """The same under ``record="full"``: a record is whole once every middleware saw the answer.

    Hooks of others may redact the answer after the model's turn. Until the agent is done its record
    is slim, and it stays so where the text is no longer the one that we gave.
    """

    def __init__(self, **options: Unpack[MiddlewareOptions]) -> None:
        super().__init__(**options)
        self._records: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def _recorded(self, message: BaseMessage) -> BaseMessage:
        record = message.response_metadata.get("metaaligner")
        if record is None or "original" not in record:
            return message
        message = _with_id(message)
        self._records[str(message.id)] = record
        while len(self._records) > REMEMBERED:
            self._records.popitem(last=False)
        return _with_record(message, Alignment(**record).slim_record())

    def after_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Put the record into the answer, unless it was changed since."""
        if not state["messages"]:
            return None
        answer: BaseMessage = state["messages"][-1]
        record = self._records.pop(str(answer.id), None)
        if record is None or text_of(answer.content) != record["text"]:
            return None
        return {"messages": [_with_record(answer, record)]}


REMEMBERED = 10_000
"""Whole records of answers whose agents are not done yet."""


def _with_record(answer: BaseMessage, record: dict[str, Any] | None) -> BaseMessage:
    about = {**answer.response_metadata, "metaaligner": record}
    if record is None:
        del about["metaaligner"]
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
    """The turns that led to the answer, and the answer."""
    return [*_turns(request), response.result[-1]]


def _turns(request: ModelRequest[Any]) -> list[BaseMessage]:
    """The turns that led to the answer.

    Where a middleware has trimmed the request to the last results of tools, the question stands in
    the agent's state alone. A summary of older turns is no question, though a human turn by type.
    """
    messages = request.messages
    if not any(isinstance(m, HumanMessage) and not _is_summary(m) for m in messages):
        messages = request.state.get("messages", messages)
    return [SystemMessage(m.content) if _is_summary(m) else m for m in messages]


def _state(request: ModelRequest[Any], response: ModelResponse[Any]) -> dict[str, Any]:
    """The structured answer with what led to it."""
    structured = response.structured_response
    return {"messages": _turns(request), "structured_response": structured}


def _with_id(draft: BaseMessage) -> BaseMessage:
    """The draft with an id, by which a stream knows that it has shown the message in pieces."""
    return draft if draft.id else draft.model_copy(update={"id": str(uuid4())})


def _in_place_of(draft: BaseMessage, said: BaseMessage) -> BaseMessage:
    """The draft with what was said in its place, and all else as it was."""
    names = ("content", "response_metadata", "additional_kwargs")
    return draft.model_copy(update={name: getattr(said, name) for name in names})


def _with_answer(response: ModelResponse[Any], answer: BaseMessage) -> ModelResponse[Any]:
    return replace(response, result=[*response.result[:-1], answer])


def with_structure(response: ModelResponse[Any], structure: Any) -> ModelResponse[Any]:
    """The response with another structured answer, also in the messages that carry it."""
    pairs = dict(changed_texts(response.structured_response, structure))
    result = [
        message.model_copy(
            update={
                name: with_replaced(getattr(message, name), pairs)
                for name in ("content", "additional_kwargs", "tool_calls")
                if hasattr(message, name)
            }
        )
        for message in response.result
    ]
    return replace(response, result=result, structured_response=structure)


def _is_summary(message: BaseMessage) -> bool:
    """Whether LangChain's ``SummarizationMiddleware`` has written a message."""
    return message.additional_kwargs.get("lc_source") == "summarization"
