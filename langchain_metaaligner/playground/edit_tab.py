"""The tab on which one draft is edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.models.spec import BUNDLED
from langchain_metaaligner.playground.aligners import Aligners, objectives_of, read_line
from langchain_metaaligner.playground.fields import (
    ObjectiveFields,
    live_region,
    objective_fields,
)
from langchain_metaaligner.playground.live import live_edit
from langchain_metaaligner.playground.options import PlaygroundOptions
from langchain_metaaligner.playground.pages import notice, record_page, snippet, writing

EMPTY = "Write a question and a draft answer, or begin with an example. The edit appears here."


@dataclass(frozen=True)
class Example:
    """A draft to begin with."""

    name: str
    question: str
    draft: str
    objectives: tuple[str, ...]


EXAMPLES = (
    Example(
        "Try a rude answer",
        "How do I keep basil alive on a windowsill?",
        "What a stupid question. Water it when the soil feels dry and turn the pot once a week. "
        "Pinch off the flowers so that it grows more leaves.",
        ("harmless",),
    ),
    Example(
        "Try a wordy answer",
        "How do I get wax off a tablecloth?",
        "Great question! Let the wax get hard and lift it off with a blunt knife. Then iron the "
        "rest through a paper towel. I hope this helps!",
        ("length",),
    ),
    Example(
        "Try a careless answer",
        "How do I read a bus timetable?",
        "Find ur stop in the list on the left. Then follow the row to the right!! The numbers are "
        "the minutes after each hour.",
        ("professional",),
    ),
)


@dataclass(frozen=True)
class _Fields:
    """What somebody fills in, and where the edit appears."""

    examples: list[gr.Button]
    question: gr.Textbox
    draft: gr.Textbox
    objectives: ObjectiveFields
    button: gr.Button
    typing: gr.Checkbox
    line: gr.Textbox
    preserve: gr.CheckboxGroup
    result: gr.HTML
    final: gr.Textbox

    @property
    def inputs(self) -> list[Any]:
        named, own = self.objectives.named, self.objectives.own
        return [self.question, self.draft, named, own, self.line, self.preserve]


def edit_tab(options: PlaygroundOptions, aligners: Aligners) -> None:
    """Question, draft and objectives on one side; the edit, as it is written, on the other."""
    fields = _fields(options)

    def edit(*values: Any) -> Iterator[tuple[Any, Any]]:
        yield from edit_pages(aligners, options.template, *values)

    def edit_while_typing(typing: bool, *values: Any) -> Iterator[tuple[Any, Any]]:
        if typing and values[0].strip() and values[1].strip():
            yield from edit(*values)
        else:
            yield gr.skip(), gr.skip()

    shared: dict[str, Any] = {
        "outputs": [fields.result, fields.final],
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_id": "edit",
    }
    gr.on(
        [fields.button.click, fields.question.submit, fields.draft.submit],
        edit,
        fields.inputs,
        trigger_mode="always_last",
        scroll_to_output=True,
        **shared,
    )
    typed = [*fields.inputs[:4], fields.preserve, fields.typing]
    gr.on(
        [field.input for field in typed],
        edit_while_typing,
        [fields.typing, *fields.inputs],
        trigger_mode="always_last",
        **shared,
    )
    for example, button in zip(EXAMPLES, fields.examples, strict=True):
        values = (example.question, example.draft, list(example.objectives), "")
        filled = button.click(
            lambda values=values: values, None, fields.inputs[:4], api_visibility="private"
        )
        filled.then(edit, fields.inputs, scroll_to_output=True, **shared)


def _fields(options: PlaygroundOptions) -> _Fields:
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            with gr.Row():
                examples = [gr.Button(one.name, size="sm", min_width=130) for one in EXAMPLES]
            question = gr.Textbox(label="Question", lines=2, elem_id="edit-question")
            draft = gr.Textbox(label="Draft answer", lines=5, elem_id="edit-draft")
            objectives = objective_fields(["harmless", "helpful"])
            with gr.Row(equal_height=True):
                button = gr.Button("Edit", variant="primary", min_width=120, elem_id="edit-button")
                typing = gr.Checkbox(
                    options.model in BUNDLED, label="Edit while I type", min_width=160
                )
            with gr.Accordion("More options", open=False):
                line = gr.Textbox(
                    options.model,
                    label="Aligner",
                    info="A Hub id, a folder or a bundled one; options may follow: mini caution=2.",
                )
                preserve = gr.CheckboxGroup(
                    ["code", "urls", "numbers", "citations"], label="What must survive the edit"
                )
        with gr.Column(min_width=320):
            result = live_region("edit-result", notice(EMPTY))
            final = gr.Textbox(
                label="Final answer",
                lines=4,
                interactive=False,
                buttons=["copy"],
                elem_id="edit-final",
            )
    return _Fields(
        examples, question, draft, objectives, button, typing, line, preserve, result, final
    )


def edit_pages(
    aligners: Aligners,
    template: str,
    question: str,
    draft: str,
    named: list[str],
    own: str,
    line: str,
    preserve: list[str],
) -> Iterator[tuple[str, Any]]:
    """The result as the edit is written, and the final answer at its end.

    Mistakes are told in the result, and the draft is the final answer then.
    """
    if not question.strip() or not draft.strip():
        yield notice(EMPTY, alarming=True), draft
        return
    try:
        objectives = objectives_of(named, own)
        aligner = aligners.named(line)
        if preserve:
            aligner = aligner.model_copy(update={"preserve": tuple(preserve)})
        yield writing(""), gr.skip()
        for state in live_edit(aligner, question, draft, objectives):
            if isinstance(state, str):
                yield writing(state), gr.skip()
            else:
                model, _ = read_line(line)
                code = snippet(model, objectives, template, preserve)
                yield record_page(state, code), state.text
    except MetaAlignerError as error:
        yield notice(str(error), alarming=True), draft
