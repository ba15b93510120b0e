"""What a playground is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_metaaligner.edit.gate import RewardGate
from langchain_metaaligner.edit.options import AlignerSettings

DEFAULT_MODEL: str = AlignerSettings.model_fields["model"].default
"""The aligner that comes with the package."""


@dataclass(frozen=True)
class PlaygroundOptions:
    """What a playground is started with.

    Attributes:
        model: the aligner that the fields begin with: a Hub id, a folder, or a bundled one.
        template: how aligners are asked.
        device: where they run; None is the best there is.
        gate: must find their edits better than the drafts; None lets every checked edit stand.
        chat: the ``init_chat_model`` name that the chat begins with.
        chat_options: options of every chat model, such as ``base_url``.
    """

    model: str = DEFAULT_MODEL
    template: str = "auto"
    device: str | None = None
    gate: RewardGate | None = None
    chat: str = ""
    chat_options: Mapping[str, Any] = field(default_factory=dict)
