"""Which objective a reward model was trained for, and how it is fed: by its own metadata."""

from __future__ import annotations

from langchain_metaaligner.models.rewards import PUBLISHED, SequenceReward
from langchain_metaaligner.models.source import CheckpointSpec, read_metadata
from langchain_metaaligner.objectives import known_objective


def trained_objective(source: str) -> str | None:
    """The objective that a reward model is known to score, by its usual name; None: not known.

    Args:
        source: a folder or Hub id. Its ``metaaligner.json`` tells, else whether it is one of the
            research's published models.

    Raises:
        CheckpointError: if a folder does not exist or holds no model.

    >>> trained_objective("Ray2333/gpt2-large-helpful-reward_model")
    'helpful'
    """
    published = {model: name for name, model in PUBLISHED.items()}
    if source in published:
        return published[source]
    told = read_metadata(CheckpointSpec(model=source)).get("objective")
    known = known_objective(told) if told else None
    return known.name if known else told


def reward_model(source: str, device: str | None = None) -> SequenceReward:
    """Load a reward model that is fed as it was trained.

    Args:
        source: a folder or Hub id. What its ``metaaligner.json`` says about its input counts more
            than its name.
        device: as of `SequenceReward`.

    Raises:
        CheckpointError: if there is no such model.
    """
    told: dict[str, bool] = {}
    if source not in PUBLISHED.values():
        told = read_metadata(CheckpointSpec(model=source))
    return SequenceReward(source, device=device, response_only=told.get("response_only"))
