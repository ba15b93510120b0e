"""The checkpoints that the authors of MetaAligner have published.

The research README swaps the objectives of its HH-RLHF and UltraFeedback models and speaks of nine
models; the list here is what the model cards, the paper (Table 4) and the authors' Hugging Face
page agree on: eight models, and no IMHI model of 1.1B.
"""

from __future__ import annotations

from dataclasses import dataclass

from langchain_metaaligner.templates import HH_RLHF, IMHI, ULTRAFEEDBACK, EditTemplate


@dataclass(frozen=True)
class PublishedCheckpoint:
    """One published aligner.

    Attributes:
        size: number of parameters, as in the name.
        template: the data set that it was trained on, with its edit template.
    """

    size: str
    template: EditTemplate

    @property
    def hub_id(self) -> str:
        """Where it lies on the Hugging Face Hub."""
        return f"MetaAligner/MetaAligner-{self.template.name}-{self.size}"

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the objectives that it was trained on."""
        return self.template.objectives


PUBLISHED: tuple[PublishedCheckpoint, ...] = tuple(
    PublishedCheckpoint(size, template)
    for template, sizes in (
        (HH_RLHF, ("1.1B", "7B", "13B")),
        (ULTRAFEEDBACK, ("1.1B", "7B", "13B")),
        (IMHI, ("7B", "13B")),
    )
    for size in sizes
)
"""The eight published checkpoints."""
