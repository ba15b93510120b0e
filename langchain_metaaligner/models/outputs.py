"""What decoding made, as LangChain's results and chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.outputs import Generation, GenerationChunk, LLMResult

from langchain_metaaligner.decode.row import Completion
from langchain_metaaligner.errors import LateError


def llm_result(completions: Sequence[Completion], model: str) -> LLMResult:
    """One generation a completion, with the tokens of all of them together.

    Args:
        completions: what was made, in the order of the prompts.
        model: the name of the model as it was given.
    """
    prompt_tokens = sum(completion.prompt_tokens for completion in completions)
    completion_tokens = sum(completion.completion_tokens for completion in completions)
    return LLMResult(
        generations=[[_generation(completion)] for completion in completions],
        llm_output={
            "model_name": model,
            "token_usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        },
    )


@contextmanager
def late_generations() -> Iterator[None]:
    """What decoding made in time goes on as generations.

    Raises:
        LateError: with them, where decoding was late.
    """
    try:
        yield
    except LateError as late:
        made = ((prompt, one and _generation(one)) for prompt, one in late.made)
        raise LateError(made) from None


def _generation(completion: Completion) -> Generation:
    return Generation(text=completion.text, generation_info=generation_info(completion))


def generation_info(completion: Completion) -> dict[str, Any]:
    """How an answer ended, and its size in tokens."""
    return {
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
    }


def chunk_of(item: str | Completion | BaseException) -> tuple[GenerationChunk, bool]:
    """A streamed item as LangChain's chunk, and whether it is the last one.

    Raises:
        BaseException: the item, where it is what ended the stream.
    """
    if isinstance(item, BaseException):
        raise item
    if isinstance(item, Completion):
        return GenerationChunk(text="", generation_info=generation_info(item)), True
    return GenerationChunk(text=item), False
