"""Which policy a request gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig

from langchain_metaaligner.edit.node import context_of_request
from langchain_metaaligner.policy.document import PolicyDocument, Rule

_MISSING = object()


def policy_for(
    document: PolicyDocument, config: RunnableConfig, language: Callable[[], str | None]
) -> str:
    """The name of the policy of one request: that of the first rule that holds, or the default.

    Args:
        document: the policies.
        config: of the call.
        language: tells the draft's language; it is asked only where a rule needs it.
    """
    for rule in document.rules:
        if _holds(rule, config, language):
            return rule.use
    return document.fallback


def _holds(rule: Rule, config: RunnableConfig, language: Callable[[], str | None]) -> bool:
    configurable = config.get("configurable") or {}
    context = context_of_request(config)
    return (
        all(_is(configurable.get(key), want) for key, want in (rule.configurable or {}).items())
        and all(_is(_of(context, key), want) for key, want in (rule.context or {}).items())
        and (not rule.tags or bool({*_several(rule.tags)} & {*(config.get("tags") or ())}))
        and (not rule.language or language() in _several(rule.language))
    )


def _is(value: Any, wanted: Any) -> bool:
    """Whether a value is the one wanted, or one of those wanted; True is not 1."""
    return any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool)
        for choice in _several(wanted)
    )


def _of(context: Any, key: str) -> Any:
    if isinstance(context, Mapping):
        return context.get(key, _MISSING)
    return getattr(context, key, _MISSING)


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
