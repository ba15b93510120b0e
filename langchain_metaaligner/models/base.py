"""What a model must tell about itself so that edits can be planned: `EditingLLM`."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models.llms import BaseLLM
from langchain_core.runnables import RunnableConfig


class EditingLLM(BaseLLM):
    """A LangChain LLM that runs its own batches and knows its context.

    `AlignerLLM` and the test double `FakeAlignerLLM` are the two of this package. Any other
    LangChain LLM edits as well, only that nothing is known of its context or its template.

    Every generation carries ``generation_info`` with ``finish_reason`` ("stop" or "length"),
    ``prompt_tokens`` and ``completion_tokens``.
    """

    @property
    def context_length(self) -> int | None:
        """Tokens that prompt and edit may take together; None where there is no limit."""
        return None

    @property
    def trained_template(self) -> str | None:
        """Name of the edit template that the checkpoint was trained on, where it says so."""
        return None

    @property
    def display_name(self) -> str:
        """What records call this model."""
        return self._llm_type

    def fits(self, prompt: str, answer: str) -> bool:
        """Whether a prompt, and an edit as long as the answer, stay within the context."""
        limit = self.context_length
        return limit is None or self.get_num_tokens(prompt) + self.get_num_tokens(answer) <= limit

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """One generation over all inputs: ``max_concurrency`` is for models that are called."""
        return super().batch(
            inputs, _unbounded(config), return_exceptions=return_exceptions, **kwargs
        )

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The async twin of `batch`."""
        return await super().abatch(
            inputs, _unbounded(config), return_exceptions=return_exceptions, **kwargs
        )


def _unbounded(
    config: RunnableConfig | list[RunnableConfig] | None,
) -> RunnableConfig | list[RunnableConfig] | None:
    if isinstance(config, list):
        return [_without_limit(one) for one in config]
    return None if config is None else _without_limit(config)


def _without_limit(config: RunnableConfig) -> RunnableConfig:
    return {**config, "max_concurrency": None}
