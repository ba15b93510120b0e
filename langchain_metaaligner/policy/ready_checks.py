"""Ready checks, as a policy file names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from langchain_metaaligner.checks import CodeKept, JSONKept, LanguageKept, LengthKept, NothingNew
from langchain_metaaligner.errors import SettingError, nearest

READY: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {check.__name__: check for check in (CodeKept, JSONKept, LanguageKept, LengthKept, NothingNew)}
)
"""Those whose options a file can hold; others are given by ``!python``."""


def ready_check(written: Any) -> Any:
    """A check as a file writes it: ``CodeKept``, ``LengthKept: {longer: 0.5}``, or an object.

    Raises:
        SettingError: if there is no such check, or it does not take these options.

    >>> ready_check({"LengthKept": {"longer": 0.5}})
    LengthKept(longer=0.5, shorter=0.75)
    >>> ready_check({"NothingNew": ["urls"]}).facts
    ('urls',)
    """
    if isinstance(written, str):
        return _made(written, None)
    if isinstance(written, Mapping) and len(written) == 1:
        [(name, options)] = written.items()
        return _made(str(name), options)
    if callable(written):
        return written
    raise SettingError(
        f"checks: {written!r:.100} is no check. Name one of {', '.join(READY)}, or your own by "
        "!python package.module:name."
    )


def _made(name: str, options: Any) -> Any:
    if name not in READY:
        raise SettingError(
            f"checks: there is no check {name!r}.{nearest(name, READY)} "
            f"Ready ones: {', '.join(READY)}; your own by !python package.module:name."
        )
    try:
        if isinstance(options, Mapping):
            return READY[name](**options)
        return READY[name](*(options or ()))
    except TypeError as error:
        raise SettingError(f"checks: {name} does not take {options!r:.100}: {error}.") from error
