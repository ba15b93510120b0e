"""The tab on which aligners answer a file, and people vote without knowing who wrote what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from langchain_metaaligner.errors import MetaAlignerError, SettingError
from langchain_metaaligner.playground.aligners import Aligners, objectives_of
from langchain_metaaligner.playground.ballot import Ballot, Choice, make_ballot
from langchain_metaaligner.playground.comparing import answer_rows
from langchain_metaaligner.playground.fields import live_region, objective_fields
from langchain_metaaligner.playground.options import PlaygroundOptions
from langchain_metaaligner.playground.pages import notice, pair_page, result_page, votes_page
from langchain_metaaligner.tables.source import FORMATS

BEGIN = "Choose a file with questions and drafts, name the aligners, and make the answers."
OVER = "That was the last pair. The result is below; the votes can be downloaded."
BLIND = "The result is hidden until the last vote, so that it cannot sway you."


@dataclass(frozen=True)
class _Booth:
    """The fields of the vote."""

    ballot: gr.State
    pair: gr.HTML
    buttons: gr.Row
    undo: gr.Button
    reveal: gr.Checkbox
    result: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.ballot, self.pair, self.buttons, self.undo, self.reveal, self.result]


def compare_tab(options: PlaygroundOptions, aligners: Aligners) -> None:
    """Make the answers of several aligners to a file, vote on pairs, and see the win rate."""
    with gr.Accordion("File, aligners and objectives", open=True) as setting:
        with gr.Row(equal_height=False):
            with gr.Column(min_width=280):
                file = gr.File(
                    label="File of questions and drafts",
                    file_types=list(FORMATS),
                    height=140,
                    elem_id="compare-file",
                )
                limit = gr.Number(
                    20, label="Rows", info="From the first on.", minimum=1, precision=0
                )
            with gr.Column(min_width=280):
                lines = gr.Textbox(
                    options.model,
                    label="Aligners",
                    info="One a line; options may follow: mini caution=2.",
                    lines=3,
                    elem_id="compare-aligners",
                )
                with_draft = gr.Checkbox(True, label="Compare with the drafts too")
        objectives = objective_fields(["harmless", "helpful"])
        make = gr.Button("Make the answers", variant="primary", elem_id="compare-make")
    booth = _booth()

    def answers(
        path: str | None,
        rows: float | None,
        named_lines: str,
        drafts: bool,
        named: list[str],
        own: str,
        progress: Any = gr.Progress(),  # noqa: B008 - this is how Gradio hands it over
    ) -> tuple[Any, ...]:
        try:
            ballot = blind_ballot(
                aligners, path, int(rows or 1), named_lines, drafts, named, own, progress
            )
        except MetaAlignerError as error:
            problem = notice(str(error), alarming=True)
            hidden = gr.Button(visible=False), gr.Checkbox(visible=False)
            return None, problem, gr.Row(visible=False), *hidden, "", gr.skip()
        return *_shown(ballot, False), gr.Accordion(open=False)

    make.click(
        answers,
        [file, limit, lines, with_draft, objectives.named, objectives.own],
        [*booth.outputs, setting],
        api_visibility="private",
        show_progress_on=[booth.pair],
    )


def _booth() -> _Booth:
    ballot = gr.State(None)
    pair = live_region("compare-pair", notice(BEGIN))
    with gr.Row(visible=False, elem_id="compare-votes") as buttons:
        left = gr.Button("Left is better (1)", min_width=100, elem_id="vote-left")
        equal = gr.Button("Equally good (2)", min_width=100, elem_id="vote-equal")
        right = gr.Button("Right is better (3)", min_width=100, elem_id="vote-right")
    undo = gr.Button("Undo the last vote (0)", size="sm", visible=False, elem_id="vote-undo")
    reveal = gr.Checkbox(
        False, label="Show the result before the last vote", info=BLIND, visible=False
    )
    result = live_region("compare-result")
    booth = _Booth(ballot, pair, buttons, undo, reveal, result)
    wiring: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    choices: list[tuple[gr.Button, Choice]] = [(left, "left"), (equal, "equal"), (right, "right")]
    for button, choice in choices:
        button.click(_voted(choice), [ballot, reveal], booth.outputs, **wiring)
    undo.click(_undone, [ballot, reveal], booth.outputs, **wiring)
    reveal.input(_again, [ballot, reveal], booth.outputs, **wiring)
    return booth


def blind_ballot(
    aligners: Aligners,
    path: str | None,
    limit: int,
    lines: str,
    with_draft: bool,
    named: list[str],
    own: str,
    progress: Callable[[float, str], object],
) -> Ballot:
    """Answer a file by the aligners that lines name, and pair the answers.

    Raises:
        MetaAlignerError: if something is absent or wrong in what was given, or an aligner fails.
    """
    if not path:
        raise SettingError("Choose a file first: CSV, TSV, JSON, JSONL or Parquet.")
    wanted = list(dict.fromkeys(line.strip() for line in lines.splitlines() if line.strip()))
    if len(wanted) + with_draft < 2:
        raise SettingError("Name two aligners, or one and compare it with the drafts.")
    objectives = objectives_of(named, own)
    systems = {line: aligners.named(line) for line in wanted}
    rows = answer_rows(
        Path(path),
        limit,
        systems,
        objectives,
        with_draft,
        progress,
    )
    return make_ballot(rows)


def _voted(choice: Choice) -> Callable[..., tuple[Any, ...]]:
    def vote(ballot: Ballot | None, reveal: bool) -> tuple[Any, ...]:
        return _again(ballot and ballot.vote(choice), reveal)

    return vote


def _undone(ballot: Ballot | None, reveal: bool) -> tuple[Any, ...]:
    return _again(ballot and ballot.undone(), reveal)


def _again(ballot: Ballot | None, reveal: bool) -> tuple[Any, ...]:
    if ballot is None:
        return tuple(gr.skip() for _ in range(6))
    return _shown(ballot, reveal)


def _shown(ballot: Ballot, reveal: bool) -> tuple[Any, ...]:
    """The ballot, its current pair, and all that stands below it."""
    pair, place = ballot.current, len(ballot.votes) + 1
    if pair is not None:
        page = pair_page(pair, place, len(ballot.pairs))
    else:
        page = notice(OVER if ballot.pairs else "All systems gave the same answer to every row.")
    result = result_page(ballot) if reveal or pair is None else votes_page(ballot)
    voting = gr.Row(visible=pair is not None), gr.Button(visible=bool(ballot.votes))
    return ballot, page, *voting, gr.Checkbox(visible=pair is not None), result
