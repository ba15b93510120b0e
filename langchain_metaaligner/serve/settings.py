"""What can be chosen about a server: `ServeSettings`."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from langchain_metaaligner.errors import SettingError, plain_validation

KEY_VARIABLE = "METAALIGNER_API_KEY"
"""The environment variable with the keys that clients must give, separated by commas."""

SETTINGS_VARIABLE = "METAALIGNER_SERVE"
"""The environment variable by which worker processes get their settings, without the keys."""


class ServeSettings(BaseModel):
    """The choices of one server.

    Attributes:
        model: a Hub id, a folder, or a bundled model.
        served_name: what clients call it in ``/v1/completions``; by itself as ``model``.
        objectives: of requests to ``/align`` that name none.
        request_objectives: what a request may ask for, as in `MetaAlignerRunnable`.
        template: the edit template, or "auto".
        preserve: what of a draft must survive: code, urls, numbers, citations.
        model_kwargs: options of `AlignerLLM`: device, dtype, batch_size, max_new_tokens, ...
        api_keys: any of them opens the door; none: it stands open.
        max_body_bytes: how large the body of a request may be.
        max_batch: how many answers one request may ask for.
        max_waiting: how many answers may be under way at the same time; a request beyond is told to
            try again (429).
        timeout: seconds that one request may take; then drafts stand at /align, and completions are
            a 504.
        grace: seconds that requests under way are given when the server is told to end.

    Raises:
        SettingError: if an option is unknown or cannot be used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = "mini"
    served_name: str | None = None
    objectives: tuple[str, ...] = ("harmless", "helpful")
    request_objectives: Literal["named", "any", "none"] | tuple[str, ...] = "named"
    template: str = "auto"
    preserve: tuple[str, ...] = ()
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    api_keys: tuple[SecretStr, ...] = Field(default=(), repr=False)
    max_body_bytes: int = Field(default=2**20, ge=1)
    max_batch: int = Field(default=64, ge=1)
    max_waiting: int = Field(default=1024, ge=1)
    timeout: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    grace: float = Field(default=30.0, ge=0, allow_inf_nan=False)

    def __init__(self, **options: Any) -> None:
        with plain_validation(type(self)):
            super().__init__(**options)

    @field_validator("api_keys")
    @classmethod
    def _usable(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            text = key.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or set(text) & set(" ,"):
                raise SettingError(
                    "An API key is empty, or holds a space, a comma or a character beyond ASCII: "
                    "no client could send it. Use letters and digits."
                )
        return keys

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_batch > self.max_waiting:
            raise SettingError(
                f"max_batch={self.max_batch} is more than max_waiting={self.max_waiting}: the "
                "largest request could never be taken. Lower the one, or raise the other."
            )
        return self

    @property
    def name(self) -> str:
        """What clients call the model."""
        return self.served_name or self.model

    def keys(self) -> list[bytes]:
        """The API keys as they come over the wire."""
        return [key.get_secret_value().encode() for key in self.api_keys]

    def to_environment(self) -> dict[str, str]:
        """What another process needs to have the same settings, for its environment alone."""
        keys = ",".join(key.get_secret_value() for key in self.api_keys)
        return {
            SETTINGS_VARIABLE: self.model_dump_json(exclude={"api_keys"}),
            KEY_VARIABLE: keys,
        }

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> ServeSettings:
        """The settings that `to_environment` wrote."""
        values = ServeSettings.model_validate_json(environment[SETTINGS_VARIABLE])
        return values.model_copy(update={"api_keys": keys_of(environment.get(KEY_VARIABLE, ""))})


def keys_of(text: str) -> tuple[SecretStr, ...]:
    """The API keys in a text that separates them by commas, spaces or lines.

    >>> len(keys_of("first,second"))
    2
    """
    return tuple(SecretStr(key) for key in text.replace(",", " ").split())


def read_keys(path: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[Any, ...]:
    """The API keys in a file, or else those in ``METAALIGNER_API_KEY``.

    Raises:
        SettingError: if the file cannot be read or holds no key.
    """
    if path is None:
        return keys_of(environment.get(KEY_VARIABLE, ""))
    try:
        keys = keys_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"The file of API keys {path} cannot be read: {error}.") from error
    if not keys:
        raise SettingError(f"The file of API keys {path} holds none. Write one key a line.")
    return keys


def require_key(host: str, settings: ServeSettings, without_key: bool) -> None:
    """Refuse to open a door to other machines that anybody could use.

    Raises:
        SettingError: if the host is no loopback address, and there is no key.
    """
    if settings.api_keys or without_key or _is_loopback(host):
        return
    raise SettingError(
        f"Host {host} lets other machines in, and there is no API key. Set {KEY_VARIABLE}, give "
        "--api-key-file, or say --without-key where something in front asks for one."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
