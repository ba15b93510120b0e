"""The tab on which a chat model answers, and an aligner beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.files.calls import chat_model
from langchain_metaaligner.playground.aligners import Aligners, objectives_of
from langchain_metaaligner.playground.chatting import Turn, answer_turn
from langchain_metaaligner.playground.fields import live_region, objective_fields
from langchain_metaaligner.playground.options import PlaygroundOptions
from langchain_metaaligner.playground.pages import chat_page, notice

WELCOME = (
    "Name a chat model and ask it something. Its raw answer and the corrected one appear side by "
    "side. The model sees the corrected answers as its own earlier turns."
)


def chat_tab(options: PlaygroundOptions, aligners: Aligners) -> None:
    """A conversation with any chat model, each answer raw and corrected."""
    with gr.Accordion("Chat model, aligner and objectives", open=True):
        with gr.Row():
            model = gr.Textbox(
                options.chat,
                label="Chat model",
                info="As init_chat_model names it. Its key comes from the environment.",
                placeholder="openai:gpt-4o-mini",
                elem_id="chat-model",
            )
            line = gr.Textbox(
                options.model, label="Aligner", info="A Hub id, a folder or a bundled one."
            )
        objectives = objective_fields(["harmless", "helpful"])
    conversation = live_region("chat-turns", notice(WELCOME))
    turns = gr.State([])
    message = gr.Textbox(
        label="Your message",
        placeholder="Enter sends it.",
        lines=1,
        max_lines=8,
        elem_id="chat-message",
    )
    with gr.Row():
        send = gr.Button("Send", variant="primary", min_width=90, elem_id="chat-send")
        stop = gr.Button("Stop", min_width=90)
        anew = gr.Button("Start anew", min_width=90)

    def ask(
        text: str, before: list[Turn], name: str, editor: str, named: list[str], own: str
    ) -> Iterator[tuple[Any, Any, Any]]:
        yield from chat_pages(aligners, options, text, before, name, editor, named, own)

    wiring: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    asking = gr.on(
        [send.click, message.submit],
        ask,
        [message, turns, model, line, objectives.named, objectives.own],
        [conversation, turns, message],
        trigger_mode="once",
        **wiring,
    )
    stop.click(stop_chat, [turns], [conversation, turns], cancels=[asking], **wiring)
    anew.click(
        lambda: (notice(WELCOME), [], ""),
        None,
        [conversation, turns, message],
        cancels=[asking],
        **wiring,
    )


def stop_chat(turns: list[Turn]) -> tuple[str, list[Turn]]:
    """The conversation whose last turn nobody waits for any more."""
    if turns and turns[-1].record is None and turns[-1].error is None:
        turns = [*turns[:-1], replace(turns[-1], error="Stopped before there was an edit.")]
    return chat_page(turns) if turns else notice(WELCOME), turns


def chat_pages(
    aligners: Aligners,
    options: PlaygroundOptions,
    text: str,
    before: list[Turn],
    name: str,
    line: str,
    named: list[str],
    own: str,
) -> Iterator[tuple[str, list[Turn], str]]:
    """The conversation as the next answer is written, its turns, and what stays in the field."""
    if not text.strip():
        yield chat_page(before) if before else notice(WELCOME), before, text
        return
    try:
        if not name.strip():
            raise MetaAlignerError("Name a chat model first, such as openai:gpt-4o-mini.")
        objectives = objectives_of(named, own)
        aligner = aligners.named(line)
        model = chat_model(name.strip(), **options.chat_options)
    except MetaAlignerError as error:
        page = chat_page(before) if before else ""
        yield page + notice(str(error), alarming=True), before, text
        return
    for turn in answer_turn(model, aligner, objectives, before, text):
        yield chat_page([*before, turn]), [*before, turn], ""
