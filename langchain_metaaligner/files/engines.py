"""What aligns a window of rows: this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_metaaligner.files.align import Pair
from langchain_metaaligner.runnable import MetaAlignerRunnable


class LocalEngine:
    """Aligns in this process.

    Args:
        aligner: the aligner.
    """

    def __init__(self, aligner: MetaAlignerRunnable) -> None:
        self._aligner = aligner

    def __call__(self, pairs: Sequence[Pair]) -> Iterable[tuple[int, dict[str, Any]]]:
        """Align all pairs in one call of the model."""
        alignments = self._aligner.align_batch([(question, answer) for question, answer in pairs])
        return ((at, alignment.record()) for at, alignment in enumerate(alignments))


def settings_of(aligner: MetaAlignerRunnable) -> dict[str, Any]:
    """Whatever of an aligner changes its answers, as JSON values."""
    llm = aligner.editor
    return {
        "model": aligner.editor_name,
        "generation": {
            name: value
            for name, value in sorted(getattr(llm, "_identifying_params", {}).items())
            if name in ("revision", "dtype", "quantization", "max_new_tokens", "stop", "generation")
        },
        "template": aligner.edit_template.name,
        "objectives": [f"{one.name}: {one.description}" for one in aligner.objectives],
        "preserve": sorted(aligner.preserve),
    }
