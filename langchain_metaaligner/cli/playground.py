"""``metaaligner playground``: try an aligner in the browser."""

from __future__ import annotations

import sys
import threading
from typing import Annotated, Any

import typer

from langchain_metaaligner.cli.options import AlignerOptions, key_values, numbers, pairs

EXAMPLES = (
    "metaaligner playground",
    "metaaligner playground --chat openai:gpt-4o-mini",
    "metaaligner playground --reward harmless=my/reward-model --min-gain 0.1",
)


def playground(
    aligner: AlignerOptions,
    chat: Annotated[
        str, typer.Option(help="A chat model by its init_chat_model name: openai:gpt-4o-mini.")
    ] = "",
    chat_option: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE for chat models, such as base_url. Repeatable."),
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(
            help="OBJECTIVE=MODEL: reward models that must find an edit better. Repeatable."
        ),
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="OBJECTIVE=NUMBER of those models. Repeatable.")
    ] = None,
    min_gain: Annotated[float, typer.Option(help="By how much the score must rise.")] = 0.0,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="By itself the first that is free from 7860 on."),
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
        gate=_gate(reward, weight, min_gain, aligner.device),
        chat=chat,
        chat_options=key_values("--chat-option", chat_option),
    )
    with serving(build_page(options), port, browser=browser) as address:
        sys.stdout.write(
            f"The playground is at {address} for this machine alone. Ctrl-C ends it.\n"
        )
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("\nThe playground has ended.\n")


def _gate(
    rewards: list[str] | None, weights: list[str] | None, min_gain: float, device: str | None
) -> Any:
    from langchain_metaaligner.edit.gate import RewardGate
    from langchain_metaaligner.errors import SettingError
    from langchain_metaaligner.rewards.load import reward_model
    from langchain_metaaligner.rewards.scorer import ObjectiveScorer

    models = pairs("--reward", rewards)
    if not models:
        if weights or min_gain:
            raise SettingError(
                "--weight and --min-gain need a gate: give --reward OBJECTIVE=MODEL."
            )
        return None
    scorer = ObjectiveScorer(
        {name: reward_model(source, device) for name, source in models.items()}
    )
    return RewardGate(scorer, numbers("--weight", weights), min_gain)
