"""`Checked`: options that are checked whenever they are given, set, copied or unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableSerializable
from pydantic import ConfigDict, PrivateAttr
from typing_extensions import Self

from langchain_metaaligner.errors import plain_validation


class Checked(RunnableSerializable[Any, Any]):
    """A runnable whose options stay as valid as they were at construction.

    What is found out by them (``_options``) is found out anew by every copy.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    _own_llm: Runnable[Any, Any] | None = PrivateAttr(default=None)
    _options: Any = PrivateAttr(default=None)

    def __init__(self, **options: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**options)

    def _renew(self) -> None:
        """Begin a life of its own, as a new object, a copy, or out of a pickle."""
        self._options = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an option as it would be at construction, or leave everything as it was."""
        if name in type(self).model_fields:
            twin = self.model_copy(update={name: value})
            self.__dict__.update(twin.__dict__)
            self._own_llm, self._options = twin._own_llm, None
        else:
            super().__setattr__(name, value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, of which what is updated is checked as at construction."""
        twin = super().model_copy(deep=deep)
        return type(self)(**{**dict(twin), **update}) if update else twin

    def __eq__(self, other: object) -> bool:
        """Whether another aligner has the same choices, used or not."""
        return type(self) is type(other) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Self:
        """A copy with the same model, checks and gate."""
        twin = super().__copy__()
        twin._renew()
        return twin

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy with copies of them."""
        twin = super().__deepcopy__(memo)
        twin._renew()
        return twin

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: the choices, and not what was found out by them."""
        state = super().__getstate__()
        return {**state, "__pydantic_private__": {"_own_llm": self._own_llm, "_options": None}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Take a pickle, which may be older than some options."""
        fields = type(self).model_fields
        missing = fields.keys() - state["__dict__"].keys()
        defaults = {name: fields[name].get_default(call_default_factory=True) for name in missing}
        super().__setstate__({**state, "__dict__": {**state["__dict__"], **defaults}})
        self._renew()
