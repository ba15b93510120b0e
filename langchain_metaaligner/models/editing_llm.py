"""What a model must tell about itself so that edits can be planned: `EditingLLM`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models.llms import BaseLLM
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config


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
        with no_inherited_limit():
            return super().batch(
                inputs, _unlimited(config), return_exceptions=return_exceptions, **kwargs
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
        with no_inherited_limit():
            return await super().abatch(
                inputs, _unlimited(config), return_exceptions=return_exceptions, **kwargs
            )


@contextmanager
def no_inherited_limit() -> Iterator[None]:
    """Hides the ``max_concurrency`` of the run around this code.

    ``BaseLLM.batch`` calls itself with ``max_concurrency=None`` for every chunk. LangChain fills
    a missing value in from the run around, so that below a limited run it would never come to an
    end.
    """
    around = var_child_runnable_config.get()
    token = var_child_runnable_config.set(None if around is None else _without_limit(around))
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _unlimited(
    config: RunnableConfig | list[RunnableConfig] | None,
) -> RunnableConfig | list[RunnableConfig] | None:
    if isinstance(config, list):
        return [_without_limit(one) for one in config]
    return None if config is None else _without_limit(config)


def _without_limit(config: RunnableConfig) -> RunnableConfig:
    return {**config, "max_concurrency": None}
