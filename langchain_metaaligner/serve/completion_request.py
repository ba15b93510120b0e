"""The body of ``/v1/completions``, as OpenAI has it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.editing_llm import EditingLLM
from langchain_metaaligner.serve.bodies import Body, Text, as_list
from langchain_metaaligner.serve.errors import RequestError

_SURROGATES = range(0xD800, 0xE000)
STOPS = 16
"""Texts that may end an answer."""


class StreamOptions(Body):
    """What a stream tells beside the text."""

    include_usage: bool = False
    include_obfuscation: bool = False


class CompletionRequest(Body):
    """Prompts to continue. What this server cannot do is refused, never left out in silence."""

    model: str
    prompt: Any
    max_tokens: int | None = Field(
        None, ge=1, description="By itself as many as the server allows, not OpenAI's 16."
    )
    temperature: float | None = Field(
        None, ge=0, le=2, allow_inf_nan=False, description="By itself 0: edits are greedy."
    )
    top_p: float | None = Field(None, gt=0, le=1, allow_inf_nan=False)
    n: int | None = Field(None, ge=1)
    best_of: int | None = Field(None, ge=1)
    stop: Text | Annotated[list[Text], Field(max_length=STOPS)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    echo: bool | None = False
    seed: int | None = Field(None, description="Taken, and of no effect on sampling.")
    user: str | None = Field(None, description="Taken, and not kept.")
    logprobs: int | None = None
    suffix: str | None = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = Field(None, allow_inf_nan=False)
    frequency_penalty: float | None = Field(None, allow_inf_nan=False)

    @field_validator("prompt")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        prompts = as_list(value)
        if not prompts or not all(isinstance(prompt, str) for prompt in prompts):
            raise SettingError(
                "prompt must be a text or a list of texts. Token ids are not taken: they would be "
                "those of another tokenizer."
            )
        for prompt in prompts:
            if not prompt or any(ord(char) in _SURROGATES for char in prompt):
                raise SettingError("A prompt is empty, or holds a surrogate that stands alone.")
        return value

    @field_validator("logprobs", "suffix", "logit_bias", "presence_penalty", "frequency_penalty")
    @classmethod
    def _not_here(cls, value: Any) -> Any:
        if value:
            raise SettingError("This server does not have that option. Leave it out.")
        return value

    def all_prompts(self, most: int) -> list[str]:
        """A prompt for each choice of the answer.

        Raises:
            RequestError: if there are more than ``most``, or ``best_of`` asks for some unseen.
        """
        number = self.n or 1
        if self.best_of not in (None, number):
            raise RequestError(
                400,
                f"best_of={self.best_of} with n={number}: there are no log probabilities to choose "
                "by. Give the same number, or leave best_of out.",
                "invalid_value",
                "best_of",
            )
        prompts = as_list(self.prompt)
        if len(prompts) * number > most:
            raise RequestError(
                413,
                f"The request asks for {len(prompts) * number} choices; one may ask for at most "
                f"{most}. Send several requests, as LangChain's OpenAI does by batch_size={most}.",
                "batch_too_large",
                "prompt",
            )
        return [prompt for prompt in prompts for _ in range(number)]

    @property
    def stops(self) -> list[str] | None:
        """The texts that end an answer."""
        return [stop for stop in as_list(self.stop) if stop] if self.stop else None

    def shown(self, prompt: str) -> str:
        """What stands before an answer."""
        return prompt if self.echo else ""

    def options(self, llm: EditingLLM) -> dict[str, Any]:
        """The options of the model's call.

        Temperatures and shares are rounded, so that requests of nearly the same share passes.
        """
        if not isinstance(llm, AlignerLLM):
            return {}
        most = llm.max_new_tokens
        options: dict[str, Any] = {"max_new_tokens": min(self.max_tokens or most, most)}
        temperature = round(self.temperature or 0.0, 2)
        if temperature:
            sampling = {"do_sample": True, "temperature": temperature, "top_k": 0}
            options |= sampling | {"top_p": max(round(self.top_p or 1.0, 2), 0.01)}
        return options
