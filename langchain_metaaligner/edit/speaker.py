"""A model that says what is written elsewhere, for streams that show what models say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from langchain_metaaligner.edit.runs import EDITING_TAG


class Speaker(BaseChatModel):
    """Says the chunks of one message.

    Attributes:
        chunks: the chunks, as they come; an async iterator for ``ainvoke``.
        said: what was said so far, added up.
    """

    chunks: Any
    said: Any = None
    cache: Any = False

    @property
    def _llm_type(self) -> str:
        return "metaaligner-answer"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("It says its chunks to a stream, and is not asked without one.")

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield self._generation(chunk)
        yield self._last()

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.chunks:
            yield self._generation(chunk)
        yield self._last()

    def _generation(self, chunk: BaseMessageChunk) -> ChatGenerationChunk:
        self.said = chunk if self.said is None else self.said + chunk
        if getattr(chunk, "usage_metadata", None):  # of which the draft's own model has told
            chunk = chunk.model_copy(update={"usage_metadata": None})
        return ChatGenerationChunk(message=chunk)

    def _last(self) -> ChatGenerationChunk:
        """The end, which LangChain would otherwise add with an id of its own."""
        own = None if self.said is None else self.said.id
        return ChatGenerationChunk(
            message=AIMessageChunk(content="", id=own, chunk_position="last")
        )


def speaking() -> RunnableConfig:
    """The config of the run around, for a speaker in it."""
    config = var_child_runnable_config.get() or {}
    tags = [*(config.get("tags") or ()), EDITING_TAG]
    return {**config, "tags": tags, "run_name": "corrected answer"}
