"""What happened to one answer: `Alignment`."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from langchain_metaaligner.edit import diff
from langchain_metaaligner.edit.diff import Change, Piece

__all__ = ["Alignment", "Change", "Decision"]

Decision = Literal["edited", "unchanged", "kept", "refused"]


@dataclass(frozen=True)
class Alignment:
    """The record of one answer.

    Attributes:
        text: the final answer: the edit, the original where the edit was not accepted, or the text
            that stands for it under ``on_failure="refuse"``.
        original: the draft answer, exactly as it came.
        decision: "edited" (the edit stands), "unchanged" (the model found nothing to change),
            "kept" (the original stands although it was to be edited, or could not be) or
            "refused" (the same, under ``on_failure="refuse"``: another text stands in its place).
        reason: why there is no edit, in one word; None where there is one.
        detail: the same for a reader, in a sentence.
        question: the question slot of the prompt.
        objectives: the names of the objectives.
        model: what edited.
        template: the name of the edit template.
        rejected: the edit that was not accepted, where there was one.
        prompt_tokens: tokens of the edit prompt; None where the model does not tell.
        completion_tokens: tokens of the edit; None where the model does not tell.
        seconds: wall time of the model's call, which a batch shares.
        scores: what a gate's reward model gave the draft and the edits, and the weighted gain of
            the best one (None in the place of what is no finite number); None where nothing was
            scored.

    >>> Alignment(text="It is blue.", original="It is blue, duh.", decision="edited").diff
    'It is blue[-, duh-].'
    """

    text: str
    original: str
    decision: Decision
    reason: str | None = None
    detail: str | None = None
    question: str = ""
    objectives: tuple[str, ...] = ()
    model: str = ""
    template: str = ""
    rejected: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    scores: dict[str, Any] | None = None

    @property
    def diff(self) -> str:
        """The change word by word: ``[-removed-]`` and ``{+added+}``."""
        marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
        return "".join(marks[change].format(text) for change, text in self.changes())

    @property
    def diff_html(self) -> str:
        """The change as HTML with ``<del>`` and ``<ins>``; the texts are escaped."""
        marks = {
            "same": "{}",
            "removed": '<del style="background:#ffd7d5;color:#82071e">{}</del>',
            "added": '<ins style="background:#d1f8d9;color:#055d20">{}</ins>',
        }
        body = "".join(marks[change].format(html.escape(text)) for change, text in self.changes())
        return f'<div style="white-space:pre-wrap">{body}</div>'

    def changes(self) -> Iterator[Piece]:
        """The pieces of original and final text in reading order, with what became of each."""
        return diff.changes(self.original, self.text)

    def record(self) -> dict[str, Any]:
        """The record as plain data, as it stands in ``response_metadata["metaaligner"]``.

        ``Alignment(**record)`` brings it back, with its diff.
        """
        return asdict(self) | {"objectives": list(self.objectives)}

    def slim_record(self) -> dict[str, Any]:
        """The record without any text of the user or of a model, for stores that keep messages."""
        texts = ("text", "original", "detail", "question", "rejected")
        return {name: value for name, value in self.record().items() if name not in texts}

    def _repr_html_(self) -> str:
        heading = html.escape(f"{self.decision}{f' ({self.reason})' if self.reason else ''}")
        named = html.escape(", ".join(self.objectives))
        return f"<p><b>{heading}</b> · {named}</p>{self.diff_html}"
