"""What aligns a window of rows in this process, and whatever changes its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from langchain_metaaligner.files.align import Pair
from langchain_metaaligner.runnable import MetaAlignerRunnable

PROMPT_VERSION = 1
"""Rises when the same rows under the same options would be asked for in another way."""

_NO_ANSWER = (
    "device",
    "batch_size",
    "share_batches",
    "cache",
    "callbacks",
    "max_retries",
    "timeout",
)
_CALLERS = 2  # for each row of a forward pass, so that one is at hand when another is done
_HEAD = 1 << 16  # bytes of a weights file that its digest is made of


class LocalEngine:
    """Aligns in this process.

    Args:
        aligner: the aligner.
    """

    def __init__(self, aligner: MetaAlignerRunnable) -> None:
        self._aligner = aligner

    def __call__(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Align all pairs; the records come as they are finished.

        Rows of a model that shares its forward passes among callers are calls of their own, so
        that each is known when it is done. Any other model gets all pairs in one call.
        """
        if self._shares_passes:
            yield from self._row_by_row(pairs)
            return
        alignments = self._aligner.align_batch([(question, answer) for question, answer in pairs])
        yield from ((at, alignment.record()) for at, alignment in enumerate(alignments))

    @property
    def _shares_passes(self) -> bool:
        aligner = self._aligner
        shared = getattr(aligner.editor, "share_batches", False)
        return bool(shared) and aligner.gate is None and aligner.candidates == 1

    def _row_by_row(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, dict[str, Any]]]:
        callers = _CALLERS * int(getattr(self._aligner.editor, "batch_size", 1))
        pool = ThreadPoolExecutor(min(callers, len(pairs) or 1), "align")
        try:
            places = {
                pool.submit(self._aligner.align, question, answer): at
                for at, (question, answer) in enumerate(pairs)
            }
            for finished in as_completed(places):
                yield places[finished], finished.result().record()
        finally:  # also Ctrl-C: what has not begun is left
            pool.shutdown(wait=False, cancel_futures=True)


def settings_of(aligner: MetaAlignerRunnable) -> dict[str, Any]:
    """Whatever of an aligner changes its answers, as JSON values.

    Where two runs differ in one of these, no answer of the one is taken for the other.
    """
    return {
        "model": aligner.editor_name,
        "llm": llm_settings(aligner.editor),
        "template": aligner.edit_template.name,
        "objectives": [f"{its.name}: {its.description}" for its in aligner.objectives],
        "preserve": sorted(aligner.preserve),
        "checks": [_name(check) for check in aligner.checks],
        "candidates": aligner.candidates,
        "gate": None if aligner.gate is None else type(aligner.gate.scorer).__name__,
        "prompt_version": PROMPT_VERSION,
    }


def llm_settings(llm: Any) -> dict[str, Any]:
    """Whatever of a LangChain model changes its texts: its class, options, server and weights.

    A folder of weights is known by a digest, so that other weights under the same name are others.
    """
    options = {
        name: value if isinstance(value, bool | int | float | str | None) else repr(value)
        for name, value in sorted(getattr(llm, "_identifying_params", {}).items())
        if name not in _NO_ANSWER
    }
    server = getattr(llm, "openai_api_base", None) or getattr(llm, "base_url", None)
    named = options.get("model")
    folder = Path(named) if isinstance(named, str) and named else None
    return {
        "class": type(llm).__name__,
        **options,
        "server": None if server is None else str(server),
        "max_tokens": getattr(llm, "max_tokens", None),
        "weights": weights_digest(folder) if folder and folder.is_dir() else None,
    }


def weights_digest(folder: Path) -> str:
    """A digest of a checkpoint's files, by their names, sizes and beginnings."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in (".json", ".safetensors", ".bin", ".gguf", ".model"):
            digest.update(f"{path.name} {path.stat().st_size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(_HEAD))
                if path.stat().st_size > 2 * _HEAD:
                    file.seek(-_HEAD, 2)
                    digest.update(file.read())
    return digest.hexdigest()[:16]


def _name(check: object) -> str:
    return str(getattr(check, "__qualname__", repr(check)))
