"""`PolicyAligner`: an aligner for each policy of a file, of which every request gets its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import (
    ensure_config,
    get_config_list,
    merge_configs,
    run_in_executor,
)
from langchain_core.runnables.utils import ConfigurableFieldSpec

from langchain_metaaligner.edit.aligner import Aligner, Config, Configs, Pairs
from langchain_metaaligner.edit.exchange import Question
from langchain_metaaligner.edit.node import AlignerNode
from langchain_metaaligner.edit.record import Alignment
from langchain_metaaligner.errors import PolicyError
from langchain_metaaligner.objectives import Objective
from langchain_metaaligner.policy.reloading import MakesAligner, Policies, PolicyWatch
from langchain_metaaligner.policy.values import again, draft_language, whole

Chosen = tuple[Aligner, RunnableConfig]


class PolicyAligner(Runnable[Any, Any]):
    """Corrects answers as the policy of each request says; see ``docs/policy.md``.

    It takes and gives what `MetaAlignerRunnable` does. The name of the policy stands in the
    metadata of the run, as ``metaaligner_policy``. The file is read again when it has changed.

    Args:
        path: the policy file.
        make: makes an aligner of options: `MetaAlignerRunnable`.

    Raises:
        PolicyError: if the file cannot be read, or a policy cannot be carried out.
    """

    def __init__(self, path: Path | str, make: MakesAligner) -> None:
        self._watch = PolicyWatch(Path(path), make)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled and copied: by its file, which is then read."""
        return type(self), (self._watch.path, self._watch.make)

    @property
    def policies(self) -> Policies:
        """The policies in force."""
        return self._watch.now()

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What a request may set: its objectives, and the keys that rules look at."""
        rules = self.policies.document.rules
        keys = {key for rule in rules for key in rule.configurable or {}}
        own = self.default.config_specs
        known = {spec.id for spec in own}
        return [
            *own,
            *(ConfigurableFieldSpec(id=key, annotation=Any) for key in sorted(keys - known)),
        ]

    @property
    def default(self) -> Aligner:
        """The aligner of the default policy."""
        policies = self.policies
        return policies.aligners[policies.document.fallback]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of structured answers that the default policy edits."""
        return self.default.fields

    @property
    def question_key(self) -> str | None:
        """The default policy's key of the question in a dict."""
        return self.default.question_key

    @property
    def answer_key(self) -> str | None:
        """The default policy's key of the answer in a dict."""
        return self.default.answer_key

    def require_alike(self, *options: str) -> None:
        """Refuse policies that differ in some options.

        Raises:
            PolicyError: with the option and the two policies.
        """
        policies = self.policies
        for option in options:
            for name, aligner in policies.aligners.items():
                if getattr(aligner, option) != getattr(self.default, option):
                    raise PolicyError(
                        f"{self._watch.path}: {option} of the policy {name!r} is not that of "
                        f"{policies.document.fallback!r}. An agent has one: write it in all."
                    )

    def warm_up(self) -> Alignment:
        """Load the models of all policies, and run one edit by each.

        Returns:
            The record of the default policy's edit.

        Raises:
            Exception: what a model, a check or a gate raised.
        """
        policies = self.policies
        records = {name: aligner.warm_up() for name, aligner in policies.aligners.items()}
        return records[policies.document.fallback]

    async def awarm_up(self) -> Alignment:
        """The async twin of `warm_up`."""
        policies = self.policies
        records = {name: await one.awarm_up() for name, one in policies.aligners.items()}
        return records[policies.document.fallback]

    def chosen(self, value: Any, config: Config = None) -> Chosen:
        """The aligner of one value, and the config with the name of its policy.

        Args:
            value: with the draft, whose language a rule may ask for.
            config: of the call.
        """
        config = ensure_config(config)
        name, aligner = self.policies.choose(config, partial(draft_language, value))
        return aligner, merge_configs(config, {"metadata": {"metaaligner_policy": name}})

    def requested(self, config: RunnableConfig) -> tuple[Objective, ...] | None:
        """The objectives that a request asks for; see `MetaAlignerRunnable.requested`.

        Where no policy is known before the draft, this is None, and the edit refuses what its
        policy does not allow.
        """
        aligner = self.known_before(config)
        return None if aligner is None else aligner.requested(config)

    def known_before(self, config: Config = None) -> Aligner | None:
        """The aligner of a request whose draft is not there yet; None where its language counts."""
        policies = self.policies
        if any(rule.language for rule in policies.document.rules):
            return None
        return policies.choose(ensure_config(config), lambda: None)[1]

    def invoke(self, input: Any, config: Config = None, **kwargs: Any) -> Any:
        """The value with its answer corrected, by the policy of the request."""
        aligner, config = self.chosen(input, config)
        return aligner.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: Config = None, **kwargs: Any) -> Any:
        """The async twin of `invoke`."""
        aligner, config = await run_in_executor(None, self.chosen, input, ensure_config(config))
        return await aligner.ainvoke(input, config, **kwargs)

    def batch(
        self,
        inputs: list[Any],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Many values, those of one policy in one call of its model."""
        outputs: list[Any] = [None] * len(inputs)
        for aligner, places, configs in self._groups(inputs, config):
            made = aligner.batch(
                [inputs[at] for at in places],
                configs,
                return_exceptions=return_exceptions,
                **kwargs,
            )
            _put(outputs, places, made)
        return outputs

    async def abatch(
        self,
        inputs: list[Any],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The async twin of `batch`."""
        configs = get_config_list(config, len(inputs))
        groups = await run_in_executor(None, self._groups, inputs, configs)
        outputs: list[Any] = [None] * len(inputs)

        async def made(aligner: Aligner, places: list[int], its: list[RunnableConfig]) -> None:
            values = [inputs[at] for at in places]
            options = {"return_exceptions": return_exceptions, **kwargs}
            _put(outputs, places, await aligner.abatch(values, its, **options))

        await asyncio.gather(*(made(*group) for group in groups))
        return outputs

    def stream(self, input: Any, config: Config = None, **kwargs: Any) -> Iterator[Any]:
        """Pieces of the corrected value; they add up to what ``invoke`` gives."""
        aligner, config = self.chosen(input, config)
        yield from aligner.stream(input, config, **kwargs)

    async def astream(self, input: Any, config: Config = None, **kwargs: Any) -> AsyncIterator[Any]:
        """The async twin of `stream`."""
        aligner, config = await run_in_executor(None, self.chosen, input, ensure_config(config))
        async with aclosing(_closing(aligner.astream(input, config, **kwargs))) as chunks:
            async for chunk in chunks:
                yield chunk

    def transform(
        self, input: Iterator[Any], config: Config = None, **kwargs: Any
    ) -> Iterator[Any]:
        """The same, for a value that itself comes in pieces."""
        chunks = list(input)
        aligner, config = self.chosen(whole(chunks), config)
        yield from aligner.transform(iter(chunks), config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: Config = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """The async twin of `transform`."""
        chunks = [chunk async for chunk in input]
        config = ensure_config(config)
        aligner, config = await run_in_executor(None, self.chosen, whole(chunks), config)
        made = aligner.atransform(again(chunks), config, **kwargs)
        async with aclosing(_closing(made)) as pieces:
            async for piece in pieces:
                yield piece

    def as_node(self, draft: Any = None, *, key: str = "messages") -> Runnable[Any, Any]:
        """A node for a LangGraph graph; see `MetaAlignerRunnable.as_node`."""
        return AlignerNode(self, draft, key)

    def align(self, question: Question, answer: Any, config: Config = None) -> Alignment:
        """Correct one answer to a question that is given along with it."""
        aligner, config = self.chosen(answer, config)
        return aligner.align(question, answer, config)

    async def aalign(self, question: Question, answer: Any, config: Config = None) -> Alignment:
        """The async twin of `align`."""
        aligner, config = await run_in_executor(None, self.chosen, answer, ensure_config(config))
        return await aligner.aalign(question, answer, config)

    async def aalign_batch(
        self, pairs: Pairs, config: Configs = None, *, return_exceptions: bool = False
    ) -> list[Alignment]:
        """The async twin of `align_batch`."""
        configs = get_config_list(config, len(pairs))
        answers = [pair[1] for pair in pairs]
        groups = await run_in_executor(None, self._groups, answers, configs)
        outcomes: list[Any] = [None] * len(pairs)

        async def made(aligner: Aligner, places: list[int], its: list[RunnableConfig]) -> None:
            some = [pairs[at] for at in places]
            options = {"return_exceptions": return_exceptions}
            _put(outcomes, places, await aligner.aalign_batch(some, its, **options))

        await asyncio.gather(*(made(*group) for group in groups))
        return outcomes

    def align_batch(
        self, pairs: Pairs, config: Configs = None, *, return_exceptions: bool = False
    ) -> list[Alignment]:
        """Correct many pairs, those of one policy in one call of its model."""
        outcomes: list[Any] = [None] * len(pairs)
        for aligner, places, configs in self._groups([pair[1] for pair in pairs], config):
            some = [pairs[at] for at in places]
            _put(
                outcomes,
                places,
                aligner.align_batch(some, configs, return_exceptions=return_exceptions),
            )
        return outcomes

    def _groups(
        self, values: Sequence[Any], config: Configs
    ) -> list[tuple[Aligner, list[int], list[RunnableConfig]]]:
        """The places of the values of each policy, with their configs."""
        groups: dict[int, tuple[Aligner, list[int], list[RunnableConfig]]] = {}
        for at, its_config in enumerate(get_config_list(config, len(values))):
            aligner, named = self.chosen(values[at], its_config)
            _, places, configs = groups.setdefault(id(aligner), (aligner, [], []))
            places.append(at)
            configs.append(named)
        return list(groups.values())


def _closing(chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """The chunks of an aligner, which come from a generator that can be closed."""
    return cast("AsyncGenerator[Any, None]", chunks)


def _put(outputs: list[Any], places: Sequence[int], made: Sequence[Any]) -> None:
    for at, value in zip(places, made, strict=True):
        outputs[at] = value
