"""Which objective a reward model was trained for, and how it is fed: by its own metadata."""

from __future__ import annotations

from langchain_metaaligner.errors import SettingError, nearest
from langchain_metaaligner.objectives import known_objective
from langchain_metaaligner.rewards.classifier import PUBLISHED, SequenceReward
from langchain_metaaligner.rewards.dpa import ATTRIBUTES, DPARewardModel
from langchain_metaaligner.rewards.scorer import Reward
from langchain_metaaligner.weights.hub import read_metadata


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
    name = read_metadata(source).get("objective")
    known = known_objective(name) if name else None
    return known.name if known else name


def reward_model(source: str, device: str | None = None, batch_size: int = 1) -> Reward:
    """Load a reward model that is fed as it was trained.

    Args:
        source: a folder or Hub id. What its ``metaaligner.json`` says about its input counts more
            than its name. ``MODEL#ATTRIBUTE`` is one attribute of the DPA reward model.
        device: as of `SequenceReward`.
        batch_size: as of `SequenceReward`.

    Raises:
        CheckpointError: if there is no such model.
        SettingError: if there is no such attribute.
    """
    model, _, attribute = source.partition("#")
    if attribute:
        return _attribute_reward(model, attribute, device, batch_size)
    metadata = {} if source in PUBLISHED.values() else read_metadata(source)
    return SequenceReward(
        source, device=device, response_only=metadata.get("response_only"), batch_size=batch_size
    )


def _attribute_reward(model: str, attribute: str, device: str | None, batch_size: int) -> Reward:
    if attribute not in ATTRIBUTES:
        raise SettingError(
            f"{attribute!r} is no attribute of the DPA reward model."
            f"{nearest(attribute, ATTRIBUTES)} Allowed: {', '.join(ATTRIBUTES)}."
        )
    dpa = DPARewardModel.from_pretrained(model, device=device, batch_size=batch_size)
    return lambda pairs: [scores[attribute] for scores in dpa.score_all(pairs)]
