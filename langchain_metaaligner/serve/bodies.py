"""What all request bodies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, InstanceOf, PlainSerializer, model_validator

from langchain_metaaligner.errors import SettingError, nearest

Text = Annotated[InstanceOf[str], PlainSerializer(str)]
"""Any string, also one with lone surrogates, which pydantic's own strings refuse."""

T = TypeVar("T")


class Body(BaseModel):
    """A request body whose unknown fields are refused by the name of the nearest known one."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: T) -> T:
        if isinstance(value, Mapping):
            for name in value:
                if name not in cls.model_fields:
                    raise SettingError(
                        f"Unknown field {name!r:.100}.{nearest(str(name)[:100], cls.model_fields)} "
                        f"Known here: {', '.join(cls.model_fields)}."
                    )
        return value


def as_list(value: Any) -> list[Any]:
    """A value that may stand alone, as a list."""
    return value if isinstance(value, list) else [value]
