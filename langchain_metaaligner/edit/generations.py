"""Models asked for whole generations, and for several different ones of the same prompt."""

from __future__ import annotations

import re
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list

from langchain_metaaligner.edit.loop import finished
from langchain_metaaligner.errors import LateError, MetaAlignerError
from langchain_metaaligner.models.editing_llm import EditingLLM

M = TypeVar("M", BaseLLM, BaseChatModel)
Generate = Callable[..., Awaitable[LLMResult]]

ROW_STATUSES = (400, 413, 422, 500)
"""HTTP statuses by which a server may refuse what is in a request."""

_UNREACHABLE = re.compile("Connect|Timeout")

STRANGERS = 3
"""Rows of a failed batch that may fail one after the other before the model is taken to be down."""


class Generations(Runnable[Any, Any]):
    """A text model that gives its `Generation` where it would give the text alone.

    Why a text ended and what it cost then comes from LangChain's cache as well, for which text
    models fire no callbacks. A row that the model refuses costs no other row its edit.

    Args:
        llm: the text model.
        candidates: how many generations are asked for each prompt; see `apart`.
    """

    def __init__(self, llm: BaseLLM, candidates: int = 1) -> None:
        self._llm = llm
        self._several = candidates > 1

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The generation for one prompt."""
        return self.batch([input], config, **kwargs)[0]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The async twin of `invoke`."""
        return (await self.abatch([input], config, **kwargs))[0]

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The generations for all prompts, in as few calls as ``max_concurrency`` allows."""
        llm = apart(self._llm) if self._several else self._llm

        async def generate(prompts: list[Any], **options: Any) -> LLMResult:
            return llm.generate_prompt(prompts, **options, **kwargs)

        outputs = finished(self._all(inputs, config, generate))
        return _or_raised(outputs, return_exceptions)

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The async twin of `batch`."""
        llm = apart(self._llm) if self._several else self._llm

        async def generate(prompts: list[Any], **options: Any) -> LLMResult:
            return await llm.agenerate_prompt(prompts, **options, **kwargs)

        outputs = await self._all(inputs, config, generate)
        return _or_raised(outputs, return_exceptions)

    async def _all(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None,
        generate: Generate,
    ) -> list[Any]:
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))
        prompts = [self._llm._convert_input(text) for text in inputs]
        size = len(inputs)
        if not isinstance(self._llm, EditingLLM):  # ours makes batches of its own
            size = configs[0].get("max_concurrency") or size
        outputs: list[Any] = []
        for at in range(0, len(inputs), size):
            rows = slice(at, at + size)
            await _generated(prompts[rows], configs[rows], generate, outputs)
        return outputs


async def _generated(
    prompts: list[Any],
    configs: list[RunnableConfig],
    generate: Generate,
    outputs: list[Any],
) -> None:
    """Add a generation or an exception for each prompt.

    A batch that fails is halved until the rows that it fails for are found, unless the model is
    down.
    """
    options = {
        name: [config.get(name) for config in configs]
        for name in ("callbacks", "tags", "metadata", "run_name")
    }
    try:
        result = await generate(prompts, **options)
    except LateError as late:
        await _made_in_time(late, prompts, configs, generate, outputs)
        return
    except Exception as error:  # a failing model leaves the draft: what to do with it is said later
        if len(prompts) == 1 or not _may_be_of_a_row(error):
            outputs += [error] * len(prompts)
            return
        middle = len(prompts) // 2
        for half in (slice(0, middle), slice(middle, None)):
            if _down(outputs):
                outputs += [error] * len(prompts[half])
            else:
                await _generated(prompts[half], configs[half], generate, outputs)
        return
    outputs += [generations[0] for generations in result.generations]


async def _made_in_time(
    late: LateError,
    prompts: list[Any],
    configs: list[RunnableConfig],
    generate: Generate,
    outputs: list[Any],
) -> None:
    """Add what a late model has made in time, and the `LateError` for every other prompt.

    Prompts that it says nothing of were not asked: LangChain's cache has their generations.
    """
    made: dict[str, deque[Any]] = defaultdict(deque)
    for text, generation in late.made:
        made[text].append(generation)
    for prompt, config in zip(prompts, configs, strict=True):
        text = prompt.to_string()
        if text in made or not late.made:
            outputs.append((made[text].popleft() if made[text] else None) or late)
        else:
            await _generated([prompt], [config], generate, outputs)


def _may_be_of_a_row(error: Exception) -> bool:
    """Whether an error may come from what stands in one row, and not from the model as such."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in ROW_STATUSES
    gone = isinstance(error, OSError | TimeoutError) or _UNREACHABLE.search(type(error).__name__)
    return not gone and not isinstance(error, MetaAlignerError)


def _down(outputs: list[Any]) -> bool:
    """Whether the last rows all failed, and no server says that it was for what stands in them."""
    last = outputs[-STRANGERS:]
    return len(last) == STRANGERS and all(
        isinstance(one, Exception) and not hasattr(one, "status_code") for one in last
    )


def _or_raised(outputs: list[Any], return_exceptions: bool) -> list[Any]:
    if not return_exceptions:
        for output in outputs:
            if isinstance(output, Exception):
                raise output
    return outputs


class Apart(Runnable[Any, Any]):
    """A chat model whose cache keeps several replies to one prompt; see `apart`."""

    def __init__(self, llm: BaseChatModel) -> None:
        self._llm = llm

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The reply to one prompt."""
        return apart(self._llm).invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The async twin of `invoke`."""
        return await apart(self._llm).ainvoke(input, config, **kwargs)

    def batch(self, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The replies to all prompts."""
        return apart(self._llm).batch(inputs, *args, **kwargs)

    async def abatch(self, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The async twin of `batch`."""
        return await apart(self._llm).abatch(inputs, *args, **kwargs)


def apart(llm: M) -> M:
    """The model for one call in which a prompt stands several times, for different replies.

    LangChain's cache has one reply for a prompt, so that all candidates would be the same from the
    second time on. Here the second of a call has an entry of its own, and so on.
    """
    cache = llm.cache if isinstance(llm.cache, BaseCache) else get_llm_cache()
    if llm.cache is False or cache is None:
        return llm
    return llm.model_copy(update={"cache": _Numbered(cache)})


class _Numbered(BaseCache):
    """A cache that counts how often a prompt is asked for, and looks under that number."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self._asked: dict[tuple[str, str], int] = defaultdict(int)
        self._missing: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._lock = threading.Lock()  # chat models are asked in threads

    def _next(self, key: tuple[str, str]) -> int:
        with self._lock:
            self._asked[key] += 1
            return self._asked[key]

    def _missed(
        self, key: tuple[str, str], number: int, value: RETURN_VAL_TYPE | None
    ) -> RETURN_VAL_TYPE | None:
        if value is None:
            self._missing[key].append(number)
        return value

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """The next reply to a prompt, if it is kept."""
        key = (prompt, llm_string)
        number = self._next(key)
        return self._missed(key, number, self._cache.lookup(prompt, _under(llm_string, number)))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep a reply under the first number that was missing."""
        number = self._missing[prompt, llm_string].popleft()
        self._cache.update(prompt, _under(llm_string, number), return_val)

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """The async twin of `lookup`."""
        key = (prompt, llm_string)
        number = self._next(key)
        value = await self._cache.alookup(prompt, _under(llm_string, number))
        return self._missed(key, number, value)

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """The async twin of `update`."""
        number = self._missing[prompt, llm_string].popleft()
        await self._cache.aupdate(prompt, _under(llm_string, number), return_val)

    def clear(self, **kwargs: Any) -> None:
        """Empty the cache."""
        self._cache.clear(**kwargs)


def _under(llm_string: str, number: int) -> str:
    """The model as the cache knows it; the first candidate shares its entry with single edits."""
    return llm_string if number == 1 else f"{llm_string}, candidate {number}"
