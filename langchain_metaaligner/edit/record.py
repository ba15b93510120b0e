"""What happened to one answer: `Alignment`."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from langchain_metaaligner.edit import diff
from langchain_metaaligner.edit.diff import Change, Piece

__all__ = ["Alignment", "Change", "Decision"]

Decision = Literal["edited", "unchanged", "kept", "refused"]

_MARKS = {
    "same": "{}",
    "removed": '<del style="background:rgba(220,50,40,.22)">{}</del>',
    "added": '<ins style="background:rgba(40,170,80,.25);text-decoration:none">{}</ins>',
}
"""Colours that stand out on light and on dark pages, whose own colour the text keeps."""
_SIDES = (
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(16em,1fr));gap:1em;text-align:left"
)


Level = Literal["full", "slim", "none"]
"""How much of the record goes out with an answer."""

TEXTS = ("text", "original", "detail", "question", "rejected")
"""What of the record quotes the user or a model."""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


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
        tries: how often the model was asked, where refused edits are tried again; tokens and
            seconds are those of all tries.
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
    tries: int = 1

    @property
    def diff(self) -> str:
        """The change, by sentence and by word: ``[-removed-]`` and ``{+added+}``."""
        marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
        return "".join(marks[change].format(text) for change, text in self.changes())

    @property
    def diff_html(self) -> str:
        """The change as HTML with ``<del>`` and ``<ins>``; the texts are escaped."""
        return f'<div style="white-space:pre-wrap">{self._marked("removed", "added")}</div>'

    def changes(self) -> Iterator[Piece]:
        """The pieces of original and final text in reading order, with what became of each."""
        return diff.changes(self.original, self.text)

    def record(self) -> dict[str, Any]:
        """The record as plain data, as it stands in ``response_metadata["metaaligner"]``.

        ``Alignment(**record)`` brings it back, with its diff.
        """
        return asdict(self) | {"objectives": list(self.objectives)}

    def slim_record(self) -> dict[str, Any]:
        """The record without any text of the user or of a model, for stores that keep messages.

        In the place of the texts stand the first digits of their SHA-256, by which they can be
        recognised and not be read. What is not known is left out.
        """
        known = {name: value for name, value in self.record().items() if value is not None}
        slim = {name: value for name, value in known.items() if name not in (*TEXTS, "tries")}
        if self.tries > 1:
            slim["tries"] = self.tries
        if self.seconds is not None:
            slim["seconds"] = round(self.seconds, 3)
        texts = {name: known[name] for name in ("question", "original", "text")}
        return {**slim, "reason": self.reason, "hashes": {n: _hash(t) for n, t in texts.items()}}

    def at(self, level: Level) -> dict[str, Any] | None:
        """As much of the record as a ``record=`` asks for."""
        if level == "none":
            return None
        return self.record() if level == "full" else self.slim_record()

    @property
    def outcome(self) -> str:
        """Decision, reason, model and objectives in a few words.

        >>> Alignment("a", "a", "kept", "too_long", model="mini", objectives=("fair",)).outcome
        'kept (too_long) · mini · fair'
        """
        decision = f"{self.decision} ({self.reason})" if self.reason else self.decision
        return " · ".join(filter(None, (decision, self.model, ", ".join(self.objectives))))

    def __str__(self) -> str:
        """What happened, and the change."""
        return f"{self.outcome}\n{self.diff}"

    def _repr_html_(self) -> str:
        """Draft and answer side by side, for notebooks, in the colours of the notebook."""
        seconds = "" if self.seconds is None else f" · {self.seconds:.2f} s"
        heading = html.escape(f"{self.outcome}{seconds}")
        detail = f"<p>{html.escape(self.detail)}</p>" if self.detail else ""
        sides = (("draft", self._marked("removed")), ("answer", self._marked("added")))
        shown = "".join(
            f'<div><small>{name}</small><div style="white-space:pre-wrap">{text}</div></div>'
            for name, text in sides
        )
        return f'<p><b>{heading}</b></p>{detail}<div style="{_SIDES}">{shown}</div>'

    def _marked(self, *shown: Change) -> str:
        """The pieces that stayed and those of some kinds, as HTML."""
        return "".join(
            _MARKS[change].format(html.escape(text))
            for change, text in self.changes()
            if change == "same" or change in shown
        )
