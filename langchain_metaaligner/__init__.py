"""Make any LLM's answer better, on objectives you name: MetaAligner as a LangChain component."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from langchain_metaaligner.moved import keep_old_paths

if TYPE_CHECKING:
    from langchain_metaaligner.edit.record import Alignment
    from langchain_metaaligner.errors import MetaAlignerError
    from langchain_metaaligner.middleware import MetaAlignerMiddleware
    from langchain_metaaligner.models.aligner import AlignerLLM
    from langchain_metaaligner.objectives import Objective
    from langchain_metaaligner.runnable import MetaAlignerRunnable
    from langchain_metaaligner.templates import EditTemplate

_HOMES = {
    "Alignment": "edit.record",
    "AlignerLLM": "models.aligner",
    "EditTemplate": "templates",
    "MetaAlignerError": "errors",
    "MetaAlignerMiddleware": "middleware",
    "MetaAlignerRunnable": "runnable",
    "Objective": "objectives",
}

__all__ = [
    "AlignerLLM",
    "Alignment",
    "EditTemplate",
    "MetaAlignerError",
    "MetaAlignerMiddleware",
    "MetaAlignerRunnable",
    "Objective",
]


keep_old_paths()


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package stays light."""
    if name == "__version__":
        return version("langchain-metaaligner")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
