"""What a model wrote for one prompt, and what it tells beside the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import Generation, LLMResult

CUT_OFF = ("length", "max_tokens", "max_output_tokens", "model_length")
"""What providers call the end of an output at its limit of tokens, in lower case."""


@dataclass(frozen=True)
class Reply:
    """What a model wrote for one prompt.

    Attributes:
        text: the text, as the model wrote it.
        finish_reason: "length" where it was cut off; None where it does not tell.
        prompt_tokens: tokens of the prompt; None where it does not tell.
        completion_tokens: tokens of the text; None where it does not tell.
    """

    text: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @staticmethod
    def told(text: str, told: Mapping[str, Any], usage: Mapping[str, Any]) -> Reply:
        """A reply by what the model tells beside the text, under the names of its provider."""
        incomplete = told.get("incomplete_details") or {}
        names = ("finish_reason", "done_reason", "stop_reason", "stopReason")
        reason = next((told[name] for name in names if told.get(name)), incomplete.get("reason"))
        return Reply(
            text,
            "length" if str(reason).lower() in CUT_OFF else reason,
            _number(told.get("prompt_tokens"), usage.get("input_tokens")),
            _number(told.get("completion_tokens"), usage.get("output_tokens")),
        )


def _number(*values: Any) -> int | None:
    return next((value for value in values if isinstance(value, int)), None)


def reply_of(output: Any, report: CompletionReport | None = None) -> Reply | Exception:
    """The reply that a model gave, in whatever form; an exception stands for itself."""
    if isinstance(output, Exception):
        return output
    if isinstance(output, Generation):
        return Reply.told(output.text, output.generation_info or {}, {})
    if isinstance(output, BaseMessage):
        usage = getattr(output, "usage_metadata", None) or {}
        return Reply.told(str(output.text), output.response_metadata, usage)
    if isinstance(output, str):
        return Reply.told(output, report.facts, report.usage) if report else Reply(output)
    return TypeError(f"The model gave a {type(output).__name__} and no text: {output!r:.200}")


class CompletionReport(BaseCallbackHandler):
    """Hears what a LangChain model tells of one completion, where only callbacks are told."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.usage: Mapping[str, Any] = {}

    def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Take down the report; of several tries, the last one counts."""
        if not response.generations or not response.generations[0]:
            return
        generation = response.generations[0][0]
        message = getattr(generation, "message", None)
        info = generation.generation_info or {}
        self.facts = {**getattr(message, "response_metadata", {}), **info}
        self.usage = getattr(message, "usage_metadata", None) or {}
