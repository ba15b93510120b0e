"""Many questions to a paid judge: several at a time, repeated after failures, never paid twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from langchain_metaaligner.evaluation.results import Progress, no_progress
from langchain_metaaligner.files.calls import answer_options, call_all, chat_model
from langchain_metaaligner.tables.ledger import Failure, Ledger, Outcome

__all__ = ["Estimate", "Judge", "Reply", "ask_all", "call_figures", "chat_model", "estimate"]

CHARACTERS_A_TOKEN = 4  # a rule of thumb for estimates

Prompt = Sequence[BaseMessage]


@dataclass(frozen=True)
class Judge:
    """A chat model that judges, and how it is asked.

    Attributes:
        model: any chat model.
        name: what the record calls it.
        concurrency: calls at the same time.
        tries: how often one call is made, at most.
        structured: whether its reply is a structured output; by itself where the model's profile
            says that it has it. Else the reply's text is read.
        options: what the model was made with; those that shape its replies belong to the ledger.
    """

    model: BaseChatModel
    name: str
    concurrency: int = 8
    tries: int = 5
    structured: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_structured(self) -> bool:
        """Whether its replies are structured outputs."""
        if self.structured is not None:
            return self.structured
        return bool((self.model.profile or {}).get("structured_output"))

    def settings(self, dataset: str, research_compat: bool) -> dict[str, Any]:
        """What shapes its replies, for the ledger and the record.

        Args:
            dataset: whose prompts it gets.
            research_compat: whether they are the research's, which are never structured.
        """
        settings: dict[str, Any] = {
            "judge": self.name,
            "dataset": dataset,
            "research_compat": research_compat,
            "structured": self.is_structured and not research_compat,
        }
        options = answer_options(self.options)
        return settings | ({"options": options} if options else {})

    def caller(self, schema: type[BaseModel] | None) -> Callable[[Prompt], tuple[BaseMessage, str]]:
        """What makes one call and gives the message and the text that counts.

        Args:
            schema: of a structured output, with one field; None for plain text. A reply that does
                not fit it counts as it stands.
        """
        if schema is None:
            return lambda prompt: (message := self.model.invoke(list(prompt)), message.text)
        model = self.model.with_structured_output(schema, include_raw=True)

        def call(prompt: Prompt) -> tuple[BaseMessage, str]:
            output: Any = model.invoke(list(prompt))
            if output["parsed"] is None:
                return output["raw"], output["raw"].text
            (value,) = output["parsed"].model_dump().values()
            return output["raw"], str(value)

        return call


@dataclass(frozen=True)
class Reply:
    """What came back. Equal prompts share one reply, which was paid for once.

    Attributes:
        text: the reply; None where the call failed in the end.
        error: why it failed.
        tokens_in: tokens of the prompt, where the model tells.
        tokens_out: tokens of the reply, where the model tells.
    """

    text: str | None
    error: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run will cost, before it is made.

    Attributes:
        calls: calls that are still to be made; equal prompts are asked once.
        known: distinct replies that the ledger has.
        tokens_in: tokens of their prompts, at about four characters each.
    """

    calls: int
    known: int
    tokens_in: int


def estimate(prompts: Sequence[Prompt], ledger: Ledger | None) -> Estimate:
    """What asking these prompts will cost, with what a ledger has; None where there is none."""
    distinct = {json.dumps(_content(prompt)): prompt for prompt in prompts}.values()
    missing = [
        prompt
        for prompt in distinct
        if ledger is None or ledger.find(ledger.key(*_content(prompt))) is None
    ]
    characters = sum(len(message.text) for prompt in missing for message in prompt)
    return Estimate(len(missing), len(distinct) - len(missing), characters // CHARACTERS_A_TOKEN)


@contextmanager
def ledger_so_far(path: Path, settings: Mapping[str, Any]) -> Iterator[Ledger | None]:
    """The ledger of an earlier run, for an estimate; None, and nothing is made, without one.

    Whether replies are structured only the model knows, which an estimate does not make: it is
    taken from the ledger where ``settings`` leave it out.

    Raises:
        LedgerError: if it was written under other settings.
    """
    if not path.is_file() or not path.stat().st_size:
        yield None
        return
    with path.open(encoding="utf-8") as file:
        first = json.loads(file.readline() or "{}")
    there = first.get("settings", {})
    assumed = {"structured": there["structured"]} if "structured" in there else {}
    with Ledger(path, {**assumed, **settings}) as ledger:
        yield ledger


def ask_all(
    judge: Judge,
    prompts: Sequence[Prompt],
    ledger: Ledger,
    schema: type[BaseModel] | None = None,
    progress: Progress = no_progress,
) -> list[Reply]:
    """The judge's reply to each prompt. What the ledger has is not asked again.

    A call that fails in a way that may pass is repeated after growing pauses; one that fails to the
    end is an error, stays open in the ledger, and is tried again by the next run.

    Args:
        judge: who is asked.
        prompts: what is asked.
        ledger: where replies are kept.
        schema: of a structured output; None for plain text. See `Judge.caller`.
        progress: called with 1 after each call.

    Raises:
        CallError: when no call can succeed; see `call_all`.
    """
    call = judge.caller(schema)

    def ask(prompt: Prompt) -> dict[str, Any]:
        message, text = call(prompt)
        usage = getattr(message, "usage_metadata", None) or {}
        return {
            "reply": text,
            "tokens_in": usage.get("input_tokens", 0),
            "tokens_out": usage.get("output_tokens", 0),
        }

    def make(missing: Sequence[Prompt]) -> Iterator[tuple[int, Outcome]]:
        for finished in call_all(ask, missing, concurrency=judge.concurrency, tries=judge.tries):
            yield finished
            progress(1)

    outcomes = ledger.complete(prompts, make, _content)
    replies = {id(outcome): _reply(outcome) for outcome in outcomes}
    return [replies[id(outcome)] for outcome in outcomes]


def call_figures(replies: Iterable[Reply]) -> dict[str, Any]:
    """How many calls there were, each counted once, how many failed and why, and their tokens."""
    calls = {id(reply): reply for reply in replies}.values()
    failures = Counter(reply.error for reply in calls if reply.error is not None)
    return {
        "asked": len(calls),
        "errors": sum(failures.values()),
        "tokens_in": sum(reply.tokens_in for reply in calls),
        "tokens_out": sum(reply.tokens_out for reply in calls),
        "failures": dict(failures.most_common(3)),
    }


def _reply(outcome: Outcome) -> Reply:
    if isinstance(outcome, Failure):
        return Reply(None, outcome.reason)
    return Reply(outcome["reply"], None, outcome["tokens_in"], outcome["tokens_out"])


def _content(prompt: Prompt) -> list[Any]:
    return [[[message.type, message.text] for message in prompt]]
