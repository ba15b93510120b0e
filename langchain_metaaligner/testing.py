"""A model that is a function, for tests of this package and of the chains that use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from pydantic import Field

from langchain_metaaligner.models.editing_llm import EditingLLM

REMEMBERED = 1_000
"""How many prompts a `FakeAlignerLLM` remembers in its ``calls``."""


class FakeAlignerLLM(EditingLLM):
    """An aligner without weights.

    Args:
        function: takes the whole edit prompt and gives the edit. What it raises is what a failing
            model would raise.
        context: how many words prompt and edit may take together; None for no limit.
        template: the name of the edit template that it claims to be trained on.
        finish_reason: what it reports; "length" plays a model that was cut off.

    Attributes:
        calls: the prompts of every call, one list a call.

    >>> from langchain_metaaligner import MetaAlignerRunnable
    >>> aligner = MetaAlignerRunnable(
    ...     objectives=["harmless"], llm=FakeAlignerLLM(lambda prompt: "Please ask again.")
    ... )
    >>> aligner.align("What time is it?", "None of your business.").text
    'Please ask again.'
    """

    function: Callable[[str], str]
    context: int | None = None
    template: str | None = None
    finish_reason: str = "stop"
    calls: list[list[str]] = Field(default_factory=list, exclude=True, repr=False)

    def __init__(self, function: Callable[[str], str], **fields: Any) -> None:
        super().__init__(function=function, **fields)

    @property
    def context_length(self) -> int | None:
        """The limit given as ``context``, in words."""
        return self.context

    @property
    def trained_template(self) -> str | None:
        """The template given as ``template``."""
        return self.template

    def get_num_tokens(self, text: str) -> int:
        """Words stand for tokens."""
        return len(text.split())

    @property
    def _llm_type(self) -> str:
        return "fake-aligner"

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        self._remember(prompts)
        return LLMResult(generations=[[self._generation(prompt)] for prompt in prompts])

    def _remember(self, prompts: list[str]) -> None:
        self.calls.append(list(prompts))
        while sum(map(len, self.calls)) > REMEMBERED and len(self.calls) > 1:
            del self.calls[0]

    def _generation(self, prompt: str) -> Generation:
        edit = self.function(prompt)
        return Generation(
            text=edit,
            generation_info={
                "finish_reason": self.finish_reason,
                "prompt_tokens": self.get_num_tokens(prompt),
                "completion_tokens": self.get_num_tokens(edit),
            },
        )

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        self._remember([prompt])
        whole = self._generation(prompt)
        for word in re.findall(r"\s*\S+\s*", whole.text):
            if run_manager:
                run_manager.on_llm_new_token(word)
            yield GenerationChunk(text=word)
        yield GenerationChunk(text="", generation_info=whole.generation_info)
