"""Fields that several tabs have."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from langchain_metaaligner.objectives import KNOWN, LABELS


@dataclass(frozen=True)
class ObjectiveFields:
    """What an edit is to improve.

    Attributes:
        named: the objectives that have names, to tick.
        own: those of the user, one a line.
    """

    named: gr.CheckboxGroup
    own: gr.Textbox


def objective_fields(ticked: list[str]) -> ObjectiveFields:
    """The objectives to tick, and a field for those of the user's own."""
    named = gr.CheckboxGroup(
        [(LABELS[name], name) for name in KNOWN],
        value=ticked,
        label="Objectives",
        info="What the edit is to improve.",
    )
    own = gr.Textbox(
        label="Objectives of your own",
        info="One a line, as Name: description.",
        placeholder="Brief: the response should be one sentence",
        lines=1,
        max_lines=6,
    )
    return ObjectiveFields(named, own)


def live_region(name: str, value: str = "") -> gr.HTML:
    """A place on the page whose changes a screen reader tells; ``page.js`` marks it so."""
    return gr.HTML(value, elem_id=name, elem_classes="ma-live", padding=False)
