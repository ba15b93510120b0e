"""What a model must tell about itself so that edits can be planned: `EditingLLM`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models.llms import BaseLLM
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list, var_child_runnable_config

from langchain_metaaligner.errors import CheckpointError, MissingExtraError


class EditingLLM(BaseLLM):
    """A LangChain LLM that runs its own batches and knows its context.

    `AlignerLLM` and the test double `FakeAlignerLLM` are the two of this package. Any other
    LangChain LLM edits as well, only that nothing is known of its context or its template.

    Every generation carries ``generation_info`` with ``finish_reason`` ("stop" or "length"),
    ``prompt_tokens`` and ``completion_tokens``.

    Whoever asks for an edit can tell the draft that stands in the prompt, by ``drafts=`` of `batch`
    and `abatch`, and by ``draft=`` of ``invoke``, ``stream`` and their async twins. It changes how
    soon the edit is there, and not the edit. ``_generate`` gets ``drafts``, a mapping from prompt
    to draft, or ``draft``; ``_stream`` gets ``draft``. A subclass is free to ignore them.
    """

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The model first, then what was chosen; what LangChain notes for itself is left out."""
        yield "model", self.display_name
        for name, value in super().__repr_args__():
            if name not in ("model", "metadata") and value not in (None, {}):
                yield name, value

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
        drafts: Sequence[str | None] | Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """One generation over all inputs: ``max_concurrency`` is for models that are called.

        Args:
            inputs: prompts.
            config: one for all inputs, or one for each.
            return_exceptions: whether an input that fails gives its exception, and the others their
                texts.
            drafts: for each input the draft that stands in it, where there is one; or a mapping
                from prompt to draft.
            **kwargs: options of this call, such as ``stop``.
        """
        configs = [_without_limit(each) for each in get_config_list(config, len(inputs))]
        options = {**kwargs, **_by_prompt(self, inputs, drafts)}
        with no_inherited_limit():
            made = super().batch(inputs, configs, return_exceptions=return_exceptions, **options)
            if not _failed_together(made):
                return made
            texts: list[str] = []
            for half in _halves(len(inputs)):
                texts += self.batch(inputs[half], configs[half], return_exceptions=True, **options)
            return texts

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        drafts: Sequence[str | None] | Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """The async twin of `batch`."""
        configs = [_without_limit(each) for each in get_config_list(config, len(inputs))]
        options = {**kwargs, **_by_prompt(self, inputs, drafts)}
        with no_inherited_limit():
            made = await super().abatch(
                inputs, configs, return_exceptions=return_exceptions, **options
            )
            if not _failed_together(made):
                return made
            texts: list[str] = []
            for half in _halves(len(inputs)):
                texts += await self.abatch(
                    inputs[half], configs[half], return_exceptions=True, **options
                )
            return texts


def _by_prompt(
    llm: BaseLLM, inputs: Sequence[Any], drafts: Sequence[str | None] | Mapping[str, str] | None
) -> dict[str, Any]:
    """The drafts as an option of the call, by prompt: LangChain's cache takes prompts out."""
    if not drafts:
        return {}
    if isinstance(drafts, Mapping):
        return {"drafts": drafts}
    prompts = (llm._convert_input(value).to_string() for value in inputs)
    return {
        "drafts": {
            prompt: draft
            for prompt, draft in zip(prompts, drafts, strict=True)
            if draft is not None
        }
    }


def _failed_together(made: Sequence[Any]) -> bool:
    """Whether several inputs have one exception: that of one of them, which the others share.

    A model that cannot be read fails all of them, and is not read again for each.
    """
    first = made[0] if len(made) > 1 else None
    return (
        isinstance(first, Exception)
        and not isinstance(first, CheckpointError | MissingExtraError)
        and all(error is first for error in made)
    )


def _halves(number: int) -> tuple[slice, slice]:
    return slice(0, number // 2), slice(number // 2, number)


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


def _without_limit(config: RunnableConfig) -> RunnableConfig:
    return {**config, "max_concurrency": None}
