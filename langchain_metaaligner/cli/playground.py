"""``metaaligner playground``: try aligners in the browser."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from langchain_metaaligner.cli.options import AlignerOptions, key_values, numbers, pairs
from langchain_metaaligner.cli.terminal import say
from langchain_metaaligner.errors import SettingError

if TYPE_CHECKING:
    from langchain_metaaligner.edit.gate import RewardGate

EXAMPLES = (
    "metaaligner playground",
    "metaaligner playground --chat openai:gpt-4o-mini",
    "metaaligner playground --model MetaAligner/MetaAligner-HH-RLHF-1.1B",
)


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Which chat model the chat begins with."""

    heading: ClassVar = "Chat model"

    chat: Annotated[
        str,
        typer.Option(metavar="NAME", help="By its init_chat_model name: openai:gpt-4o-mini."),
    ] = ""
    chat_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of the model, such as base_url. Repeatable."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Which reward models must find an edit better than its draft."""

    heading: ClassVar = "Gate"

    rewards: Annotated[
        list[str] | None,
        typer.Option(
            "--reward",
            metavar="OBJECTIVE=MODEL",
            help="A reward model that must find edits better: a Hub id or a folder. Repeatable.",
        ),
    ] = None
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="OBJECTIVE=NUMBER", help="Of a reward model. Repeatable."),
    ] = None
    min_gain: Annotated[
        float, typer.Option(metavar="NUMBER", help="By how much the score must rise at least.")
    ] = 0.0


def playground(
    aligner: AlignerOptions,
    chat: Chat,
    gate: Gate,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=65_535, help="By default the first that is free from 7860 on."
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Try aligners in the browser: edit drafts, chat, and vote blind on a file.

    The page is shown to this machine alone, and nothing is sent anywhere but to the chat model that
    you name. Ctrl-C ends it.
    """
    from langchain_metaaligner.playground.app import build_page, serving
    from langchain_metaaligner.playground.options import PlaygroundOptions

    options = PlaygroundOptions(
        model=aligner.model,
        template=aligner.template,
        device=aligner.device,
        gate=_gate(gate, aligner.device),
        chat=chat.chat,
        chat_options=key_values("--chat-option", chat.chat_option),
    )
    try:
        with serving(build_page(options), port, browser=browser) as address:
            sys.stdout.write(
                f"The playground is at {address} for this machine alone. Ctrl-C ends it.\n"
            )
            sys.stdout.flush()
            threading.Event().wait()
    except KeyboardInterrupt:
        say("\nThe playground has ended.")


def _gate(gate: Gate, device: str | None) -> RewardGate | None:
    models, weights = pairs("--reward", gate.rewards), numbers("--weight", gate.weight)
    if not models:
        if weights or gate.min_gain:
            raise SettingError("--weight and --min-gain need a gate: --reward OBJECTIVE=MODEL.")
        return None
    from langchain_metaaligner.edit.gate import RewardGate
    from langchain_metaaligner.rewards.load import reward_model
    from langchain_metaaligner.rewards.scorer import ObjectiveScorer

    scorer = ObjectiveScorer({name: reward_model(one, device) for name, one in models.items()})
    return RewardGate(scorer, weights, gate.min_gain)
