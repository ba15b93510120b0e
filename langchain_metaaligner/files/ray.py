"""Rows aligned by several copies of the model, as Ray actors. Needs the extra ``ray``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_metaaligner.errors import MissingExtraError
from langchain_metaaligner.files.align import Pair

try:
    import ray
    from ray.util import ActorPool
except ImportError as error:
    raise MissingExtraError("The Ray engine", "ray") from error

Task = tuple[list[int], list[Pair]]


class RayEngine:
    """Aligns by actors, each with a model of its own: on one machine, or on a Ray cluster.

    The actors load their models once and live as long as the engine. One that dies is started
    again, and what it was at is done again. The ledger stays with the process that drives, so a
    run resumes as without Ray.

    Args:
        options: of the `MetaAlignerRunnable` that each actor makes.
        replicas: how many actors.
        batch_size: rows in one forward pass.
        gpus: GPUs of an actor; by itself one where Ray sees any.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        replicas: int = 1,
        batch_size: int = 8,
        gpus: float | None = None,
    ) -> None:
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        self._rows = batch_size * 4
        seen = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
        share = (1.0 if seen else 0.0) if gpus is None else gpus
        needs = {"num_gpus": share} if share else {"num_cpus": 1}
        replica = ray.remote(**needs, max_restarts=-1, max_task_retries=-1)(Replica)
        self.actors = [replica.remote(dict(options)) for _ in range(replicas)]

    def __call__(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Align all pairs; the records come as they are finished."""
        pool: Any = ActorPool(self.actors)
        for places, records in pool.map_unordered(
            lambda actor, task: actor.align.remote(*task), self._tasks(pairs)
        ):
            yield from zip(places, records, strict=True)

    def _tasks(self, pairs: Sequence[Pair]) -> list[Task]:
        """Pieces of a few passes each; smaller ones where there would be less than one an actor."""
        size = max(1, min(self._rows, -(-len(pairs) // len(self.actors))))
        return [
            (list(range(at, min(at + size, len(pairs)))), list(pairs[at : at + size]))
            for at in range(0, len(pairs), size)
        ]


class Replica:
    """One copy of the aligner, in a process of its own."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        from langchain_metaaligner.runnable import MetaAlignerRunnable

        self._aligner = MetaAlignerRunnable(**options)

    def align(self, places: list[int], pairs: list[Pair]) -> tuple[list[int], list[dict[str, Any]]]:
        """The records of some pairs, with their places."""
        return places, [alignment.record() for alignment in self._aligner.align_batch(pairs)]
