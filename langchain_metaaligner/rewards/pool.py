"""Reward models in several processes: one copy of each model a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import torch
from transformers import AutoTokenizer

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.rewards.load import reward_model
from langchain_metaaligner.rewards.scorer import Pairs, Reward

_loaded: dict[str, Reward] = {}  # of this process


@contextmanager
def reward_processes(
    models: Mapping[str, str], processes: int, device: str | None = None, batch_size: int = 1
) -> Iterator[dict[str, Reward]]:
    """Start processes that score (prompt, response) pairs together.

    Args:
        models: a Hub id or folder for each objective.
        processes: how many. Without a ``device`` each takes a GPU of its own, in turn, where there
            are some, and else an equal share of the cores.
        device: where all of them run.
        batch_size: as of `SequenceReward`.

    Yields:
        For each objective what scores pairs, in their order; at most one call at a time.

    Raises:
        CheckpointError: if a process ends, which it does when it cannot load its models.
        SettingError: if ``processes`` is less than 1.
    """
    if processes < 1:
        raise SettingError(f"processes={processes} was given. Give 1 or more.")
    context = get_context("spawn")  # CUDA does not survive a fork
    started = context.Value("i", 0)
    with ProcessPoolExecutor(
        processes, context, _load, (dict(models), processes, device, batch_size, started)
    ) as pool:

        def scorer(objective: str) -> Reward:
            def score(pairs: Pairs) -> list[float]:
                shares = [(objective, pairs[at::processes]) for at in range(processes)]
                scores = [0.0] * len(pairs)
                try:
                    for at, share in enumerate(pool.map(_score, shares)):
                        scores[at::processes] = share
                except BrokenProcessPool as error:
                    raise CheckpointError(
                        f"A process with the reward models {', '.join(models.values())} ended. "
                        "Its own message says why: most often a model that does not exist, or no "
                        "memory for one more copy. Start again, with fewer processes if need be."
                    ) from error
                return scores

            return score

        yield {objective: scorer(objective) for objective in models}


def token_limit(source: str) -> tuple[Callable[[str], int], int]:
    """How a reward model counts tokens, and how many it takes at most, without loading it.

    Raises:
        CheckpointError: if there is no such tokenizer.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.partition("#")[0])
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"No tokenizer could be loaded from {source!r}: {error} "
            "Give the Hub id or the folder of a sequence classifier."
        ) from error
    return lambda text: len(tokenizer(text)["input_ids"]), tokenizer.model_max_length


def _load(
    models: dict[str, str], processes: int, device: str | None, batch_size: int, started: Any
) -> None:
    with started.get_lock():
        mine = started.value
        started.value += 1
    gpus = torch.cuda.device_count()
    if device is None and gpus:
        device = f"cuda:{mine % gpus}"
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    for source in dict.fromkeys(models.values()):
        _loaded[source] = reward_model(source, device, batch_size)
    _loaded.update({objective: _loaded[source] for objective, source in models.items()})


def _score(share: tuple[str, Pairs]) -> Sequence[float]:
    objective, pairs = share
    return _loaded[objective](pairs)
