"""Rows aligned by several copies of the model, on Ray Data. Needs the extra ``ray``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_metaaligner.errors import MissingExtraError
from langchain_metaaligner.files.align import Pair

try:
    import ray
except ImportError as error:
    raise MissingExtraError("The Ray engine", "ray") from error


class RayEngine:
    """Aligns by actors, each with a model of its own: on one machine, or on a Ray cluster.

    An actor that dies is started again, and its rows are aligned by another one. The ledger stays
    with the process that drives, so a run resumes as without Ray.

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
        ray.data.DataContext.get_current().enable_progress_bars = False
        self._options = dict(options)
        self._replicas = replicas
        self._rows = batch_size * 4
        seen = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
        self._gpus = (1.0 if seen else 0.0) if gpus is None else gpus

    def __call__(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Align all pairs; the records come as they are finished."""
        items = [
            {"at": at, "question": question, "answer": answer}
            for at, (question, answer) in enumerate(pairs)
        ]
        blocks = max(1, -(-len(items) // self._rows))
        rows = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
            _Replica,
            fn_constructor_args=(self._options,),
            batch_size=self._rows,
            compute=ray.data.ActorPoolStrategy(size=self._replicas),
            num_gpus=self._gpus or None,
            num_cpus=None if self._gpus else 1,
        )
        for row in rows.iter_rows():
            yield int(row["at"]), json.loads(row["record"])


class _Replica:
    """One copy of the aligner."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        from langchain_metaaligner.runnable import MetaAlignerRunnable

        self._aligner = MetaAlignerRunnable(**options)

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        pairs = list(zip(batch["question"], batch["answer"], strict=True))
        alignments = self._aligner.align_batch([(str(q), str(a)) for q, a in pairs])
        return {
            "at": list(batch["at"]),
            "record": [json.dumps(alignment.record()) for alignment in alignments],
        }
