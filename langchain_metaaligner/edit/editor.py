"""The model that edits: what is known of it, and what it replies.

A LangChain model gives its text, and tells why it ended and what it cost in different places: a
text model in the `Generation`, a chat model in the message, anything else only to callbacks. Text
models are asked for their generations here, because those come whole from LangChain's cache, for
which text models fire no callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from langchain_metaaligner.edit.deadline import NEVER, Deadline
from langchain_metaaligner.edit.generations import Apart, Generations
from langchain_metaaligner.edit.in_time import Waiting, ain_time, in_time
from langchain_metaaligner.edit.question import EDITING_TAG
from langchain_metaaligner.edit.reply import CompletionReport, Reply, reply_of
from langchain_metaaligner.edit.unseen import NOSTREAM
from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.models.editing_llm import EditingLLM, no_inherited_limit

TEMPERATURE = 0.7
"""At which a model samples that is asked again, where it has no temperature of its own."""

Rows = tuple[Sequence[str], Sequence[str], Sequence[RunnableConfig]]
"""Prompts, the draft in each of them, and the configs of the calls that brought them."""


class ModelFailureError(Exception):
    """What the code of a model raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Editor:
    """A model, asked for edits.

    Args:
        model: any LangChain model, or a runnable that takes a prompt and gives a text.
        candidates: how many edits are asked for each answer.

    Attributes:
        model: the same.
        name: what records call it.
    """

    def __init__(self, model: Runnable[Any, Any], candidates: int = 1) -> None:
        self.model = model
        self.name = name_of(model)
        self._several = candidates
        self._inner = _innermost(model)
        self._tells = isinstance(self._inner, BaseLLM | BaseChatModel)
        self._asked = _with_innermost(model, lambda one: _asked_as(one, candidates))

    @property
    def trained_template(self) -> str | None:
        """The template that the model's own metadata names, if it does."""
        return getattr(self._inner, "trained_template", None)

    def sampling(self, seed: int) -> Editor:
        """The same model, sampling with a seed where it knows of sampling.

        Another model is asked again as it is, which helps where it samples by itself.
        """
        return Editor(_with_innermost(self.model, lambda one: _sampling(one, seed)), self._several)

    def fits(self, prompt: str, answer: str) -> bool:
        """Whether a prompt, and an edit as long as the answer, fit the model together.

        Of a model that is not ours, the context is not known.

        Raises:
            ModelFailureError: if the model cannot tell.
        """
        if not isinstance(self._inner, EditingLLM):
            return True
        try:
            return self._inner.fits(prompt, answer)
        except MetaAlignerError:
            raise
        except Exception as error:  # whatever the model's tokenizer raises
            raise ModelFailureError(error) from error

    def ask(
        self,
        prompts: Sequence[str],
        drafts: Sequence[str],
        configs: Sequence[RunnableConfig],
        deadline: Deadline = NEVER,
    ) -> list[Reply | Exception]:
        """The replies to all prompts; an exception in the place of each that failed.

        Args:
            prompts: the edit prompts.
            drafts: the draft in each of them, as it stands there.
            configs: of the calls that brought them.
            deadline: when they are to be there; what is not is a `LateError`.
        """
        reports = self._reports(prompts)
        inner_configs = _configs(configs, reports)
        options = self._told(prompts, drafts, deadline)

        def call(rows: slice) -> list[Any]:
            try:
                outputs = self._asked.batch(
                    list(prompts[rows]), inner_configs[rows], return_exceptions=True, **options
                )
            except Exception as error:  # a failing model leaves the drafts
                outputs = [error] * len(prompts[rows])
            return _one_for_each(prompts[rows], outputs)

        with no_inherited_limit():
            outputs = in_time(call, len(prompts), self._waiting(configs, deadline))
        return [reply_of(*row) for row in zip(outputs, reports, strict=True)]

    async def aask(
        self,
        prompts: Sequence[str],
        drafts: Sequence[str],
        configs: Sequence[RunnableConfig],
        deadline: Deadline = NEVER,
    ) -> list[Reply | Exception]:
        """The async twin of `ask`."""
        reports = self._reports(prompts)
        inner_configs = _configs(configs, reports)
        options = self._told(prompts, drafts, deadline)

        async def call(rows: slice) -> list[Any]:
            try:
                outputs = await self._asked.abatch(
                    list(prompts[rows]), inner_configs[rows], return_exceptions=True, **options
                )
            except Exception as error:  # as above
                outputs = [error] * len(prompts[rows])
            return _one_for_each(prompts[rows], outputs)

        with no_inherited_limit():
            outputs = await ain_time(call, len(prompts), self._waiting(configs, deadline))
        return [reply_of(*row) for row in zip(outputs, reports, strict=True)]

    def _told(
        self, prompts: Sequence[str], drafts: Sequence[str], deadline: Deadline
    ) -> dict[str, Any]:
        """What a model of ours is told beside the prompts (`EditingLLM.batch`)."""
        if not isinstance(self._inner, EditingLLM):
            return {}
        told: dict[str, Any] = {"drafts": dict(zip(prompts, drafts, strict=True))}
        return told if deadline.at is None else {**told, "deadline": deadline.at}

    def _waiting(self, configs: Sequence[RunnableConfig], deadline: Deadline) -> Waiting:
        return Waiting(
            deadline,
            apart=not isinstance(self._inner, BaseLLM),
            told=isinstance(self._inner, EditingLLM),
            at_once=configs[0].get("max_concurrency") if configs else None,
        )

    def told(self, draft: str) -> dict[str, Any]:
        """The draft of one prompt, as an option of ``stream`` and ``astream``."""
        return {"draft": draft} if isinstance(self._inner, EditingLLM) else {}

    def _reports(self, prompts: Sequence[str]) -> list[CompletionReport | None]:
        return [None if self._tells else CompletionReport() for _ in prompts]


def model_config(config: RunnableConfig, report: CompletionReport | None = None) -> RunnableConfig:
    """The config for the model: under the caller's run, tagged, and heard by a report."""
    callbacks: Any = config.get("callbacks")
    if report is not None and hasattr(callbacks, "add_handler"):
        callbacks = callbacks.copy()
        callbacks.add_handler(report, inherit=True)
    elif report is not None:
        callbacks = [*(callbacks or ()), report]
    return {
        **config,
        "callbacks": callbacks,
        "tags": [*(config.get("tags") or ()), EDITING_TAG, NOSTREAM],
    }


def _configs(
    configs: Sequence[RunnableConfig], reports: Sequence[CompletionReport | None]
) -> list[RunnableConfig]:
    return [model_config(*row) for row in zip(configs, reports, strict=True)]


def _one_for_each(prompts: Sequence[str], outputs: Sequence[Any]) -> list[Any]:
    """The outputs; an exception for each prompt where there are not as many."""
    if len(outputs) == len(prompts):
        return list(outputs)
    error = ValueError(f"The model gave {len(outputs)} texts for {len(prompts)}.")
    return [error] * len(prompts)


def name_of(model: Runnable[Any, Any]) -> str:
    """What records call a model."""
    attributes = ("display_name", "model_name", "model", "model_id", "repo_id")
    names = (getattr(model, name, None) for name in attributes)
    return next((name for name in names if isinstance(name, str) and name), model.get_name())


def _asked_as(model: Runnable[Any, Any], candidates: int) -> Runnable[Any, Any]:
    """A model in the form in which it tells most, and gives as many different texts as wanted."""
    if isinstance(model, BaseLLM):
        return Generations(model, candidates)
    if isinstance(model, BaseChatModel) and candidates > 1:
        return Apart(model)
    return model


def _sampling(model: Runnable[Any, Any], seed: int) -> Runnable[Any, Any]:
    fields = getattr(type(model), "model_fields", {})
    update: dict[str, Any] = {"seed": seed} if "seed" in fields else {}
    if "generation" in fields:
        options = {"temperature": TEMPERATURE, **getattr(model, "generation")}  # noqa: B009
        update["generation"] = {**options, "do_sample": True}
    elif "temperature" in fields:
        update["temperature"] = getattr(model, "temperature", None) or TEMPERATURE
    return model.model_copy(update=update) if update else model  # type: ignore[attr-defined]


def _innermost(model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The model inside of ``.bind``, ``.with_config`` and ``.with_retry``."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    return model


def _with_innermost(
    model: Runnable[Any, Any], asked_as: Callable[[Runnable[Any, Any]], Runnable[Any, Any]]
) -> Runnable[Any, Any]:
    """The same with every model inside of it put into another form."""
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": _with_innermost(model.bound, asked_as)})
    if isinstance(model, RunnableWithFallbacks):
        inside = [_with_innermost(one, asked_as) for one in (model.runnable, *model.fallbacks)]
        return model.model_copy(update={"runnable": inside[0], "fallbacks": inside[1:]})
    return asked_as(model)
