"""How rewards stand in the prompts of the baselines that are conditioned on them (SFT and CDPO)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from langchain_metaaligner.errors import DataError, nearest


@dataclass(frozen=True)
class Scheme:
    """How rewards stand in the prompts of a data set.

    Attributes:
        names: of the rewards, as the prompts have them.
        targets: the fixed rewards of CDPO and of inference: the highest of the training data.
        files: names of the reward models' files.
    """

    names: tuple[str, ...]
    targets: tuple[float, ...]
    files: tuple[str, ...]

    def prompt(self, query: str, rewards: Sequence[float] | None = None) -> str:
        r"""A query that carries rewards; by itself the targets.

        >>> SCHEMES["UltraFeedback"].prompt("Why?", (3, 5, 4, 1))[:42]
        '<instruction_following>: 3; <honesty>: 5; '
        """
        named = zip(self.names, self.targets if rewards is None else rewards, strict=True)
        return "; ".join(f"<{name}>: {reward}" for name, reward in named) + f" | {query}"


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "HH-RLHF": Scheme(
            ("Harmlessness", "Helpfulness", "Humour"),
            (4.19, 3.03, 1.58),
            ("harmless", "helpfulness", "humour"),
        ),
        "UltraFeedback": Scheme(
            ("instruction_following", "honesty", "truthfulness", "helpfulness"),
            (5, 5, 5, 5),
            ("IF", "honesty", "truthful", "helpful"),
        ),
    }
)
"""The scheme of each data set that baselines are trained on."""


def scheme_of(dataset: str) -> Scheme:
    """The scheme of rewards of a data set.

    Raises:
        DataError: if it has none.
    """
    if dataset not in SCHEMES:
        raise DataError(
            f"The data set {dataset!r} has no scheme of rewards.{nearest(dataset, SCHEMES)} "
            f"Give one of: {', '.join(SCHEMES)}."
        )
    return SCHEMES[dataset]
